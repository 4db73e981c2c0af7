"""Call users' hooks that act before the first test: forecasts, selection, dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import Forecast, Verdict
from pytest_nexus.plan.make import digest, durations_alone
from pytest_nexus.session.hooks.user_hooks import usable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, Plan
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.setup_costs import Setups
    from pytest_nexus.session.hooks.user_hooks import UserHooks

FORECASTER: Final = "pytest_nexus_forecaster"
SELECT: Final = "pytest_nexus_select"
PLAN: Final = "pytest_nexus_plan"

_REASON: Final = "as a plugin forecasts"


def select(hooks: UserHooks, plan: Plan) -> Plan:
    """Return the plan without the tests that users' hooks leave out."""
    verdicts: dict[int, Verdict] = {}
    results = hooks.results(SELECT, config=hooks.config, plan=plan)
    for chosen in usable(hooks, SELECT, results, Mapping):
        for index, verdict in chosen.items():
            if _is_verdict(index, verdict, len(plan.tests)):
                verdicts.setdefault(index, verdict)
            else:
                hooks.refuse(SELECT, {index: verdict})
    if not verdicts:
        return plan
    tests = tuple(
        one._replace(verdict=verdicts.get(index, one.verdict))
        for index, one in enumerate(plan.tests)
    )
    return plan._replace(tests=tests, digest=digest(tests))


def _is_verdict(index: object, verdict: object, n_tests: int) -> bool:
    return (
        type(index) is int
        and 0 <= index < n_tests
        and isinstance(verdict, Verdict)
        and verdict.action in ("run", "leave")
        and isinstance(verdict.reason, str)
    )


def own_forecaster(hooks: UserHooks, model: Callable[[], Forecaster | None]) -> Forecaster | None:
    """Return the forecaster of a user's hook; the model if no hook has one.

    Args:
        hooks: of the session.
        model: returns the model.
    """
    own = hooks.first(FORECASTER, config=hooks.config)
    if own is None:
        return model()
    if not callable(own):
        hooks.refuse(FORECASTER, own)
        return model()
    return OwnForecaster(own, model, hooks)


class OwnForecaster:
    """A user's forecaster, replaced by the model if it fails.

    Args:
        own: the user's forecaster.
        model: returns the model.
        hooks: report the user's errors.
    """

    def __init__(
        self, own: Callable[..., Any], model: Callable[[], Forecaster | None], hooks: UserHooks
    ) -> None:
        self._own = own
        self._model = model
        self._hooks = hooks

    def __call__(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None = None,
        /,
    ) -> list[Forecast]:
        """Return one forecast for each test, in the order given."""
        try:
            found = list(self._own(tests, index, change, setups))
        except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
            self._hooks.fail(FORECASTER, exc, type(self._own).__name__)
        else:
            wrong = [one for one in found if not _is_forecast(one)]
            if not wrong and len(found) == len(tests):
                return [_complete(one) for one in found]
            missing = f"{len(found)} forecasts for {len(tests)} tests"
            self._hooks.refuse(FORECASTER, wrong[0] if wrong else missing)
        model = self._model()
        if model is None:
            return durations_alone(tests, index, setups)
        return model(tests, index, change, setups)


def _complete(forecast: Forecast) -> Forecast:
    """Return a forecast with a reason and a gain; without gains a new suite is not ordered."""
    gain = forecast.p_fail if forecast.gain is None else forecast.gain
    return forecast._replace(reason=forecast.reason or _REASON, gain=gain)


def _is_forecast(value: object) -> bool:
    if not isinstance(value, Forecast):
        return False
    numbers = (value.p_fail, value.duration_s, value.thrift, value.gain or 0.0)
    if not all(isinstance(each, int | float) and isfinite(each) for each in numbers):
        return False
    return 0 <= value.p_fail <= 1 and value.duration_s >= 0


def left_out(plan: Plan) -> int:
    """Return the number of tests that a plan leaves out."""
    return sum(one.verdict.action == "leave" for one in plan.tests)
