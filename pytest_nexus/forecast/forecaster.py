"""The interface to the predictor: forecasters tell how likely each test is to fail."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field, replace
from functools import partial
from math import exp
from typing import TYPE_CHECKING

from pytest_nexus.domain.evidence import NO_STREAKS, Evidence
from pytest_nexus.domain.records import USUAL, Balance, Forecast
from pytest_nexus.domain.system import clock
from pytest_nexus.errors import with_code
from pytest_nexus.forecast.snapshot import code_of, cofailures_of, files_of, moment_of, words_of
from pytest_nexus.plan.foreseen import SHIPPED, NodeUse
from pytest_nexus.plan.within_run.learner import Lessons, Strengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_nexus.domain.evidence import (
        ChangedAndFailed,
        ChangedWords,
        ExecutedChange,
        Streaks,
        TestText,
    )
    from pytest_nexus.domain.records import Change, CollectedTest, TestKey
    from pytest_nexus.history.sqlite.models import DeployedModel
    from pytest_nexus.plan.foreseen import Origin
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.setup_costs import Setups
    from pytest_nexus.predictor.features.rows import Column
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.schema import TestCode


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of the change and of the tests, as far as they could be read."""

    words: Mapping[str, ChangedWords] = field(default_factory=dict)
    """Changed words by changed file."""
    code: Mapping[str, TestText] = field(default_factory=dict)
    """Test texts by test file."""
    executed: Mapping[TestKey, ExecutedChange] = field(default_factory=dict)
    """What tests executed of the change, as far as that is known."""


class ModelForecaster:
    """Forecasts by a model, with its further inputs besides history and change.

    Args:
        model: the deployed version.
        read: reads the text of the change and of the tests.
        past: the changed files and failed tests of earlier runs.
        streaks: the failures at the end of this branch and of the default branch.
        version: of the model; `shipped` for the shipped one.
        is_calibrated: whether the model was calibrated on runs of this project. Only then are its
            forecasts probabilities; else they are scores.
        origin: where the model came from, if it was deployed to nodes.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that is known of the model
        self,
        model: Model,
        read: Callable[[Sequence[CollectedTest], Change], Texts] | None = None,
        past: Iterable[ChangedAndFailed] = (),
        streaks: Streaks = NO_STREAKS,
        version: str = SHIPPED,
        *,
        is_calibrated: bool = False,
        origin: Origin | None = None,
    ) -> None:
        self.model = model
        self.use: NodeUse | None = None
        """How the model was used at the last forecast; None if it was not deployed to nodes."""
        self._origin = origin
        self.version = version
        self.summary: Mapping[str, tuple[int, ...]] = {}
        """By feature: the tests in each bin, of the last forecasts."""
        self.is_calibrated = is_calibrated
        self._read = read
        self._past = cofailures_of(past)
        self._streaks = streaks
        self._code: Mapping[str, TestCode] = {}
        self.executed: Mapping[TestKey, ExecutedChange] = {}
        """What tests executed of the change, at the last forecast."""
        self._scores: Callable[[Sequence[Column]], list[float]] = model.scores_of

    def score_by(self, scores: Callable[[Sequence[Column]], list[float]]) -> None:
        """Take another evaluator of the same model; called once, before the first forecast."""
        self._scores = scores

    def __call__(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None = None,
        /,
    ) -> list[Forecast]:
        """Return one forecast for each test, in the given order."""
        from pytest_nexus.predictor.evaluation.histograms import summarise  # noqa: PLC0415 - see `columns`

        columns, seconds = self.columns(tests, index, change, setups)
        self.summary = summarise(columns)
        started_s = clock.thread_time()
        scores = self._scores(columns)
        if self._origin is not None:
            scoring_ms = (clock.thread_time() - started_s) * 1000.0
            self.use = NodeUse(self._origin, scoring_ms, len(seconds))
        gains = [self.model.gain(score) for score in scores]
        top = max(gains, default=0.0)
        balance = Balance(*self.model.balance)
        return [
            Forecast(
                self.model.probability(score),
                duration_s,
                gain=exp(gain - top),
                thrift=self.model.thrift,
                balance=balance,
            )
            for score, gain, duration_s in zip(scores, gains, seconds, strict=True)
        ]

    def columns(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None = None,
    ) -> tuple[list[Column], list[float]]:
        """Return the features of the tests, a column for each, and their expected seconds."""
        from pytest_nexus.predictor.features.rows import columns  # noqa: PLC0415 - when a plan is made

        texts = self._read(tests, change) if self._read is not None else Texts()
        files = files_of(change, texts.words)
        self._code = code_of(texts.code)
        self.executed = texts.executed
        moment = moment_of(
            tests, index, files, self._code, setups, Evidence(self._streaks, texts.executed)
        )
        return columns(moment, self._past), [test.duration_s for test in moment.tests]

    def lessons(self) -> Lessons:
        """Return what a run may learn from its outcomes, after a forecast of its tests."""
        strengths = Strengths(self.model.failure_boost, self.model.pass_doubt)
        return Lessons(strengths, partial(words_of, self._code))


def lessons_of(forecaster: Forecaster | None) -> Lessons | None:
    """Return what a run may learn from its outcomes; None if nothing."""
    if isinstance(forecaster, ExcusedTests):
        return lessons_of(forecaster.forecaster)
    return forecaster.lessons() if isinstance(forecaster, ModelForecaster) else None


class ExcusedTests:
    """A forecaster that moves tests to the end if their failure does not fail the build.

    These tests are expected to fail, and nobody waits for the result.

    Args:
        forecaster: the forecaster that makes the forecasts.
        fails_no_build: returns whether a test's failure does not fail the build.
    """

    def __init__(
        self, forecaster: Forecaster, fails_no_build: Callable[[CollectedTest], bool]
    ) -> None:
        self.forecaster = forecaster
        self.excuses = fails_no_build

    def __call__(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None = None,
        /,
    ) -> list[Forecast]:
        """Return one forecast for each test, in the given order."""
        found = self.forecaster(tests, index, change, setups)
        least = min((one.p_fail for one in found), default=0.0)
        least_gain = min((one.gain for one in found if one.gain is not None), default=None)
        return [
            one._replace(p_fail=least, gain=least_gain) if self.excuses(test) else one
            for test, one in zip(tests, found, strict=True)
        ]


def warm_up() -> None:
    """Import the modules of a forecast. Called while a session waits for its tests."""
    from pytest_nexus.predictor.features import rows  # noqa: F401, PLC0415 - when a plan is near


def prior() -> str:
    """Return the document of the shipped model, which was trained across projects."""
    found = pkgutil.get_data("pytest_nexus.predictor", "prior.json") or b""
    return found.decode("utf-8", "replace").strip()


def load(
    deployed: DeployedModel | None = None,
    read: Callable[[Sequence[CollectedTest], Change], Texts] | None = None,
    past: Iterable[ChangedAndFailed] = (),
    lose: Callable[[str], None] = lambda _: None,
    streaks: Streaks = NO_STREAKS,
    balance: Balance = USUAL,
) -> ModelForecaster | None:
    """Return the forecaster of this session: the deployed model, or else the shipped model.

    If the deployed model cannot be used, `lose` receives one sentence, and the shipped model takes
    its place. If the shipped model cannot be used either, the sentence is about the shipped model,
    and the result is None: no forecast of failures is possible.

    Args:
        deployed: the champion; None if the project has no own champion.
        read: see `ModelForecaster`.
        past: see `ModelForecaster`.
        lose: receives sentences about missing data.
        streaks: see `ModelForecaster`.
        balance: what the history has learned, whichever model is deployed.
    """
    model, of = _model(deployed, lose)
    if model is None:
        return None
    model = replace(model, balance=balance)
    if of is None:
        return ModelForecaster(model, read, past, streaks)
    return ModelForecaster(
        model, read, past, streaks, of.version, is_calibrated=of.is_own, origin=of.origin
    )


def _model(
    deployed: DeployedModel | None, lose: Callable[[str], None]
) -> tuple[Model | None, DeployedModel | None]:
    """Return the model of this session, and its version; None for the shipped model."""
    from pytest_nexus.predictor.model import document  # noqa: PLC0415 - where a plan is made

    refusal: Exception | None = None
    if deployed is not None:
        try:
            return document.load_named(deployed.version, deployed.document), deployed
        except document.ModelError as exc:
            refusal = exc
    try:
        shipped = document.load(prior())
    except (document.ModelError, OSError) as exc:
        why = f"cannot be read ({exc})" if isinstance(exc, OSError) else exc
        lose(
            with_code(
                "NX902",
                f"the shipped model {why}; tests run in pytest's own order;"
                " reinstall pytest-nexus-ci",
            )
        )
        return None, None
    if deployed is not None:
        lose(
            with_code(
                "NX901",
                f"the model {deployed.version} {refusal};"
                " the shipped model orders the tests instead",
            )
        )
    return shipped, None
