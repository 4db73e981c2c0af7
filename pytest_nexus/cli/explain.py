"""`nexus explain NODEID`: the numbers behind a test's rank."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus import forecast
from pytest_nexus.cli.location import add_history_option, history_path, project_root
from pytest_nexus.cli.neighbours import described, lines, nearest
from pytest_nexus.cli.saying import say, warn
from pytest_nexus.cli.tables import add_json_option, print_json
from pytest_nexus.cli.waiting import take_in_waiting
from pytest_nexus.errors import HistoryError
from pytest_nexus.explaining import explained
from pytest_nexus.history.store import read_history
from pytest_nexus.identity import key_of_nodeid
from pytest_nexus.impact.changes import find_change
from pytest_nexus.impact.event import default_branch
from pytest_nexus.knowledge import read_texts
from pytest_nexus.plan.lookup import StatsIndex
from pytest_nexus.plan.plan import make_plan
from pytest_nexus.records import CollectedTest, FunctionKey, NodeId

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pytest_nexus.records import Change, PlannedTest, TestKey, TestStats

_MOST_SHOWN: Final = 10
"""Of a function with more parameters only the first in rank are explained."""

_MOST_REASONS: Final = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "nodeid", metavar="NODEID", help="a test, or a function with all its parameters"
    )
    parser.add_argument(
        "--base", metavar="REVISION", help="what the change is compared with, as nexus_base"
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rank, the forecast and the sentences behind it of each test asked for.

    Ranked are all tests that the history knows, each on its own: which fixtures tests share, and
    what `-k` leaves, is only known in a session.
    """
    take_in_waiting(options.history)
    path = history_path(options.history)
    history = read_history(path)
    if history is None:
        raise HistoryError(
            f"There is no history {path!s} yet; run pytest with --nexus to begin one"
        )
    change = find_change(project_root(Path.cwd()), options.base, os.environ)
    with history:
        stats = history.stats()
        deployed, past = history.deployed_model(), history.cofailures()
        streaks = history.streaks(change.branch, default_branch(os.environ))
        together = {key: history.failed_together(key) for key in _keys_asked(stats, options.nodeid)}
    read = partial(read_texts, project_root(Path.cwd()))
    forecaster = forecast.load(
        deployed,
        lambda tests, what: read(tests, what, os.environ),
        past,
        lambda sentence: warn(f"nexus: {sentence}"),
        streaks,
    )
    plan = make_plan(_tests(stats), stats, change, forecaster=forecaster)
    asked = sorted(_asked(plan.tests, options.nodeid), key=lambda planned: planned.rank)
    if not asked:
        raise HistoryError(f"The history knows no test {options.nodeid!r}; `nexus history show`")
    found = _explained(asked, stats, change, [planned.test for planned in plan.tests], forecaster)
    near: dict[str, list[tuple[str, float]]] = {}
    for test in found:
        key = test["nodeid"]
        function = key.partition("[")[0]
        if function not in near:
            near[function] = nearest(key, list(stats))
        test["neighbours"] = described(together.get(key, []), near[function])
    if options.json:
        print_json(found)
    else:
        _print(found, len(plan.tests))
    return 0


def _tests(stats: Mapping[TestKey, TestStats]) -> list[CollectedTest]:
    """Return the tests of the history, in the order in which it met them."""
    return [
        CollectedTest(NodeId(key), key, known.function_key, key.partition("::")[0])
        for key, known in stats.items()
    ]


def _keys_asked(stats: Mapping[TestKey, TestStats], nodeid: str) -> list[str]:
    key = key_of_nodeid(nodeid)
    return [each for each, known in stats.items() if key in (each, known.function_key)]


def _asked(tests: Sequence[PlannedTest], nodeid: str) -> list[PlannedTest]:
    key = key_of_nodeid(nodeid)
    own = [planned for planned in tests if planned.test.key == key]
    function = FunctionKey(key)
    return own or [planned for planned in tests if planned.test.function_key == function]


def _explained(
    asked: Sequence[PlannedTest],
    stats: Mapping[TestKey, TestStats],
    change: Change,
    tests: Sequence[CollectedTest],
    forecaster: forecast.Forecaster,
) -> list[dict[str, Any]]:
    found = explained(asked, tests, StatsIndex(stats, change.renames), change, forecaster)
    return [
        {
            "nodeid": planned.test.nodeid,
            "rank": planned.rank + 1,
            "p_fail": planned.forecast.p_fail,
            "duration_s": planned.forecast.duration_s,
            "because": why.sentences(planned.forecast.duration_s),
            "features": dict(why.features),
        }
        for planned, why in zip(asked, found, strict=True)
    ]


def _shortened(sentences: Sequence[str]) -> list[str]:
    """Return the first reasons and the last sentence, which is about the duration."""
    *reasons, duration = sentences
    n_more = len(reasons) - _MOST_REASONS
    more = [f"and {n_more} smaller reasons; --json lists all"] if n_more > 1 else []
    kept = reasons[:_MOST_REASONS] if more else reasons
    return [*kept, *more, duration]


def _print(found: Sequence[dict[str, Any]], total: int) -> None:
    for test in found[:_MOST_SHOWN]:
        say(test["nodeid"])
        say(f"  rank {test['rank']:,} of {total:,}; fails with probability {test['p_fail']:.4f}")
        sentences = _shortened(test["because"]) + lines(test["neighbours"])
        say(*(f"  - {sentence}" for sentence in sentences))
    if len(found) > _MOST_SHOWN:
        say(f"and {len(found) - _MOST_SHOWN:,} more; --json lists all")
