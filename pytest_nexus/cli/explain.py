"""`nexus explain NODEID`: explain the rank of a test by the numbers behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.cli.arguments.forecasts import Remembered, forecaster_here, remember
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.arguments.selection import Known, selected
from pytest_nexus.cli.arguments.tests import asked_keys, known_keys, spellings
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.cli.recorded_obstacles import recorded_obstacles
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say, warn_of
from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.forecast.explain import explained
from pytest_nexus.forecast.neighbours import described, lines, nearest
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.changes import find_change
from pytest_nexus.launch.shared_fixtures import add_collect_option, collected_here
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.make import RUN, make_plan
from pytest_nexus.plan.reuse import UNKNOWN
from pytest_nexus.project import (
    add_history_option,
    base_revision,
    history_path,
    journal_folder,
    project_root,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import (
        Change,
        FunctionKey,
        Plan,
        PlannedTest,
        TestKey,
        TestStats,
        Verdict,
    )
    from pytest_nexus.history.queries.failing import Together
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule

_MOST_SHOWN: Final = 10
"""Number of parameters of a function that are explained, the first ones by rank."""

_MOST_REASONS: Final = 5
_LEAST_SETUP_S: Final = 0.001

_ALONE: Final = (
    "Ranked among all tests of the history, each on its own: pytest did not collect it here."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "nodeid", metavar="NODEID", help="a test, a function, a class, a file or a folder"
    )
    parser.add_argument(
        "--base", metavar="REVISION", help="revision to compare with, as in nexus_base"
    )
    add_history_option(parser)
    add_json_option(parser)
    add_collect_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rank and the forecast of each named test, with the reasons.

    The tests that pytest collects here are ranked, with the set-ups that they share. So the rank is
    the position at which a session runs the test. If the suite is not here, or the test is not
    collected, all tests of the history are ranked, without shared set-ups.
    """
    take_in_waiting(options.history)
    known = _read(options)
    functions = {key: each.function_key for key, each in known.stats.items()}
    suite = collected_here(options, dict.fromkeys(key.partition("::")[0] for key in functions))
    tests = suite.tests
    asked = _asked(options.nodeid, functions, tests)
    rule = ""
    is_here = bool(tests) and any(test.key in asked for test in tests)
    plan = _plan(tests if is_here else _tests(known.stats), known)
    if is_here:
        facts = Known(
            history_path(options.history), known.change, known.remembered, known.is_model_lost
        )
        plan = selected(plan, suite.session, facts).plan
        rule = suite.session.select if suite.session is not None else ""
    chosen = sorted((p for p in plan.tests if p.test.key in asked), key=lambda p: p.rank)
    shown = chosen if options.json else chosen[:_MOST_SHOWN]
    found = _explained(shown, plan, known, rule)
    _add_neighbours(found, shown, known, history_path(options.history))
    if options.json:
        print_json(found)
    else:
        _print(found, len(plan.tests), len(chosen) - len(shown))
        if not is_here:
            say(_ALONE)
    return 0


class _Known(NamedTuple):
    """The facts that a session would know."""

    remembered: Remembered
    change: Change
    forecaster: Forecaster
    is_model_lost: bool = False
    """Whether the deployed model cannot be used, and the shipped model takes its place."""

    @property
    def stats(self) -> Mapping[TestKey, TestStats]:
        """The statistics of all tests."""
        return self.remembered.stats

    @property
    def rules(self) -> Mapping[TestKey, OrderRule]:
        """The rules about tests that depend on the order."""
        return self.remembered.rules


def _read(options: argparse.Namespace) -> _Known:
    history = required_history(options.history)
    root = project_root(Path.cwd())
    change = find_change(root, base_revision(options.base), originals.environ)
    with history:
        remembered = remember(history, change)
    losses: list[str] = []
    forecaster = forecaster_here(remembered, root, losses.append)
    if forecaster is None:
        raise ModelRefusedError(losses[0])
    for loss in losses:
        warn_of(loss)
    return _Known(remembered, change, forecaster, is_model_lost=bool(losses))


def _plan(tests: Sequence[CollectedTest], known: _Known) -> Plan:
    rules = known.rules.values()
    return make_plan(tests, known.stats, known.change, forecaster=known.forecaster, rules=rules)


def _tests(stats: Mapping[TestKey, TestStats]) -> list[CollectedTest]:
    """Return the tests of the history, in the order of their first runs."""
    return [
        CollectedTest(NodeId(key), key, known.function_key, key.partition("::")[0])
        for key, known in stats.items()
    ]


def _asked(
    typed: str, functions: Mapping[TestKey, FunctionKey], tests: Sequence[CollectedTest]
) -> frozenset[TestKey]:
    """Return the keys of the named tests; a collected test may be missing from the history."""
    spelled = spellings(typed)
    printed = frozenset(test.key for test in tests if test.nodeid in spelled)
    collected = {test.key: test.function_key for test in tests}
    found = printed or known_keys(typed, collected)
    return frozenset(found or asked_keys(typed, {**collected, **functions}))


def _explained(
    chosen: Sequence[PlannedTest], plan: Plan, known: _Known, rule: str
) -> list[dict[str, Any]]:
    tests = [planned.test for planned in plan.tests]
    index = StatsIndex(known.stats, known.change.renames)
    found = explained(chosen, tests, index, known.change, known.forecaster)
    unknown = [planned.test.key for planned in chosen if planned.verdict == UNKNOWN]
    obstacles = recorded_obstacles(unknown, journal_folder()) if unknown else {}
    return [
        {
            "nodeid": planned.test.nodeid,
            "rank": planned.rank + 1,
            why.figure: planned.forecast.p_fail,
            "duration_s": planned.forecast.duration_s,
            "because": [
                *_about_verdict(planned.verdict, rule, obstacles.get(planned.test.key, "")),
                *_about_order(known.rules.get(planned.test.key)),
                *why.sentences(planned.forecast.duration_s),
                *_about_block(planned, plan.setups),
            ],
            "features": dict(why.features),
        }
        for planned, why in zip(chosen, found, strict=True)
    ]


def _about_verdict(verdict: Verdict, rule: str, obstacle: str) -> list[str]:
    """Return a sentence about the selection of a test; none if all tests run.

    Args:
        verdict: on the test.
        rule: the value of `nexus_select`.
        obstacle: why the result cannot be reused, as a clause; empty if no journal says so.
    """
    if verdict == RUN:
        return []
    if obstacle:
        reason = f"its result cannot be reused, because {obstacle}"
        return [f"It runs under nexus_select = {rule}: {reason}."]
    if verdict.action == "run":
        return [f"It runs under nexus_select = {rule}: {verdict.reason}."]
    verb = "it" if verdict.action == "reuse" else "it is"
    return [f"It is left out under nexus_select = {rule}: {verb} {verdict.reason}."]


def _about_order(rule: OrderRule | None) -> list[str]:
    """Return a sentence about the order dependence of a test; none if no dependence is known."""
    if rule is None or not rule.is_certain:
        return []
    return [f"It stays in the order of the collection: it {rule.words}."]


def _about_block(planned: PlannedTest, setups: Mapping[str, float]) -> list[str]:
    """Return a sentence about the shared set-ups of a test; none if they take no time."""
    seconds = sum(setups.get(scope, 0.0) for scope in planned.test.scopes)
    if seconds < _LEAST_SETUP_S:
        return []
    return [f"It moves with tests that share a set-up of {seconds:.3g} s."]


def _add_neighbours(
    found: Sequence[dict[str, Any]], chosen: Sequence[PlannedTest], known: _Known, path: Path
) -> None:
    together = _failed_together(path, [planned.test.key for planned in chosen])
    near: dict[str, list[tuple[str, float]]] = {}
    for test, planned in zip(found, chosen, strict=True):
        key, function = planned.test.key, planned.test.function_key
        if function not in near:
            near[function] = nearest(key, list(known.stats))
        test["neighbours"] = described(together.get(key, []), near[function])


def _failed_together(path: Path, keys: Sequence[TestKey]) -> dict[TestKey, list[Together]]:
    history = read_history(path)
    if history is None:
        return {}
    with history:
        return {key: history.failed_together(key) for key in keys}


def _shortened(sentences: Sequence[str]) -> list[str]:
    """Return the first reasons, and the last sentence, which is about the duration."""
    *reasons, duration = sentences
    n_more = len(reasons) - _MOST_REASONS
    more = [f"and {n_more} smaller reasons; --json lists all"] if n_more > 1 else []
    kept = reasons[:_MOST_REASONS] if more else reasons
    return [*kept, *more, duration]


def _print(found: Sequence[dict[str, Any]], total: int, n_more: int) -> None:
    for test in found:
        say(test["nodeid"])
        figure = "probability" if "probability" in test else "score"
        say(f"  rank {test['rank']:,} of {total:,}; {figure} {test[figure]:.4f}")
        sentences = _shortened(test["because"]) + lines(test["neighbours"])
        say(*(f"  - {sentence}" for sentence in sentences))
    if n_more:
        say(f"and {n_more:,} more; --json lists all")
