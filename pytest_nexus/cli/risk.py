"""`nexus risk`: the probability that the present change breaks a test, and what carries it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.forecasts import forecaster_here, remember
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.cli.past_changes import changes_in_git, past_changes
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say, warn_of
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.history.queries.selection import moment
from pytest_nexus.impact.changes import find_change
from pytest_nexus.launch.culprit_runs.past_commits import git_in
from pytest_nexus.plan.delivery.change_history import outlook
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.project import add_history_option, base_revision, project_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Change
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.selection.change_risk import Calibration

_FILES: Final = 3
_TESTS: Final = 5
_SIMILAR: Final = 5
_MOST_TRIED: Final = 20
"""Changed files that are left out in turn; those with the most changed lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--base", metavar="REVISION", help="revision to compare with, as in nexus_base"
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the risk of the present change."""
    take_in_waiting(options.history)
    history = required_history(options.history)
    root = project_root(Path.cwd())
    change = find_change(root, base_revision(options.base), originals.environ)
    with history:
        found = risk_of(history, change, root)
    if options.json:
        print_json(found)
    else:
        say(*_lines(found))
    return 0


def risk_of(history: History, change: Change, root: Path) -> dict[str, Any]:
    """Return the risk of a change, and what carries it, for people and programs."""
    calibration = history.selection.risk()
    stats = history.stats()
    tests = [
        CollectedTest(NodeId(key), key, known.function_key, key.partition("::")[0])
        for key, known in stats.items()
    ]
    model = _model(history, change, root)
    index = StatsIndex(stats, change.renames)

    def chances(of: Change) -> list[float]:
        return [each.p_fail for each in model(tests, index, of, None)]

    p_fail = chances(change)
    expected = sum(p_fail)
    without = {
        file.path: sum(chances(_without(change, file.path)))
        for file in sorted(change.files, key=lambda file: -file.added - file.deleted)[:_MOST_TRIED]
    }
    order = sorted(range(len(tests)), key=lambda at: -p_fail[at])
    return {
        "probability": None if calibration is None else calibration.probability(expected),
        "expected_failures": expected,
        "calibration": None if calibration is None else calibration._asdict(),
        "changed_files": len(change.files),
        "files": _files(without, expected, calibration),
        "tests": [{"test": tests[at].key, "p_fail": p_fail[at]} for at in order[:_TESTS]],
        "similar": _similar(history.runs(), change),
        "after_the_tests": _after(history, change, root),
    }


def _after(history: History, change: Change, root: Path) -> dict[str, Any] | None:
    """Return how probable it is that the change is taken back; None without recorded outcomes."""
    lines = sum(file.added + file.deleted for file in change.files)
    own = None if change.dirty else change.commit
    past = past_changes(history, own)
    if change.commit is not None:
        git = git_in(root, originals.environ)
        past = changes_in_git(history, git, change.base or "HEAD") or past
    found = outlook(past, [file.path for file in change.files], lines)
    return None if found is None else found._asdict() | {"words": found.words}


def _model(history: History, change: Change, root: Path) -> Forecaster:
    losses: list[str] = []
    model = forecaster_here(remember(history, change), root, losses.append)
    if model is None:
        raise ModelRefusedError(losses[0])
    for loss in losses:
        warn_of(loss)
    return model


def _without(change: Change, path: str) -> Change:
    return change._replace(files=tuple(file for file in change.files if file.path != path))


def _files(
    without: dict[str, float], expected: float, calibration: Calibration | None
) -> list[dict[str, Any]]:
    """Return the files without which the risk would fall the most."""
    carried = sorted(without.items(), key=lambda each: each[1])
    return [
        {
            "path": path,
            "expected_failures_without": left,
            "probability_without": None if calibration is None else calibration.probability(left),
        }
        for path, left in carried[:_FILES]
        if left < expected
    ]


def _similar(runs: Sequence[RunSummary], change: Change) -> list[dict[str, Any]]:
    """Return the past runs whose changed files are most like those of the change."""
    paths = {file.path for file in change.files}
    likes = []
    for place, each in enumerate(runs):
        own = {file.path for file in each.run.change.files}
        if own & paths and not each.mass_failure and each.run.source != "durations":
            likes.append((-len(own & paths) / len(own | paths), place, each))
    return [
        {
            "run": each.run.run_uid,
            "at": each.run.started_at,
            "branch": each.run.change.branch,
            "likeness": -likeness,
            "failed": each.n_failed,
        }
        for likeness, _, each in sorted(likes, key=lambda like: like[:2])[:_SIMILAR]
    ]


def _lines(found: dict[str, Any]) -> list[str]:
    files = counted(found["changed_files"], "changed file")
    if found["probability"] is None:
        head = (
            f"{files}: no probability, because `nexus train` has stored no calibration yet;"
            " the likeliest come first"
        )
    else:
        of = found["calibration"]
        head = (
            f"{files}: a test fails with a probability of {percent(found['probability'], 0)};"
            f" calibrated on {counted(of['n_runs'], 'run')}, squared error {of['brier']:.3f} on"
            f" later ones, {of['brier_of_base']:.3f} by their base rate"
        )
    return [
        head,
        *(f"  file {each['path']}{_without_it(each)}" for each in found["files"]),
        *(f"  test {each['test']}{_likely(each, found)}" for each in found["tests"]),
        *map(_like, found["similar"]),
        *_told_after(found["after_the_tests"]),
    ]


def _told_after(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [f"after the tests, {found['words']}", *(f"  {note}" for note in found["notes"])]


def _without_it(each: dict[str, Any]) -> str:
    """Return the risk without a file; nothing if the model's scores are no probabilities here."""
    part = each["probability_without"]
    return "" if part is None else f": {percent(part, 0)} without it"


def _likely(each: dict[str, Any], found: dict[str, Any]) -> str:
    return "" if found["probability"] is None else f": {percent(each['p_fail'])}"


def _like(each: dict[str, Any]) -> str:
    branch = f" on {each['branch']}" if each["branch"] else ""
    fate = f"{counted(each['failed'], 'test')} failed" if each["failed"] else "all passed"
    return f"  like run {each['run'][:8]}{branch}, {moment(each['at'])}: {fate}"
