"""`nexus select simulate`: replay the history, and show time saved against failures caught."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.output.tables import natural, print_json, print_table
from pytest_nexus.cli.select_report import interval
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.domain.wording import percent
from pytest_nexus.errors import HistoryError
from pytest_nexus.project import project_root
from pytest_nexus.training.selection.curve import combined_curve, curve
from pytest_nexus.training.selection.past_runs import MAX_FAILING, foreseen_runs, wanted_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_nexus.history.store import History
    from pytest_nexus.training.selection.curve import Point
    from pytest_nexus.training.selection.scored_runs import Foreseen

_COLUMNS: Final = (
    "confidence", "failing_runs", "caught", "new_caught", "tests_caught", "tests_first", "saved",
    "saved_passing",
)  # fmt: skip
_NOTES: Final = (
    "caught: failing runs of which a failing test runs; new caught: the same of runs of which no",
    "failing test runs in any case, without a promise; tests caught: failing tests that run, with",
    "the rest that runs after a failure; tests first: those that run before the rest (of several",
    "shards, those without a failure run their rest in jobs of their own, or not at all); saved:",
    "seconds of all runs; saved passing: of passing runs. In brackets: 95 % interval. Each cut is",
    "chosen on earlier runs, and applied to the next ones. Each run is scored by the model of its",
    "time. New and changed tests, tests that failed last, and 1 % of the others always run. Tests",
    "that run because of their age are not counted: up to 5 %.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--failing",
        type=natural,
        default=MAX_FAILING,
        metavar="N",
        help=f"failing runs to replay, the most recent ones ({MAX_FAILING})",
    )


def show(options: argparse.Namespace, history: History) -> int:
    """Print the curve of a history.

    Raises:
        HistoryError: the history has no attempts, or no failing run.
    """
    wanted = wanted_of(history, options.failing)
    if history.is_slim or not wanted.failing:
        raise HistoryError(
            "NX540",
            f"History {str(history.path)!r} has no failing run to replay;"
            " take the full history, and wait for a failing run",
        )
    with ProgressBar("runs replayed", is_quiet=options.json) as bar:
        runs = list(foreseen_runs(history, wanted, project_root(Path.cwd()), bar))
    points = curve(runs)
    if options.json:
        print_json(document_of(points, runs))
        return 0
    for job in dict.fromkeys(point.job for point in points):
        own = [point for point in points if point.job == job]
        say(_title(job, own, len(runs)))
        print_table([_row(point) for point in own], _COLUMNS)
        say("")
    _say_combined(runs)
    say(*_NOTES)
    return 0


def document_of(points: Sequence[Point], runs: Sequence[Foreseen]) -> dict[str, Any]:
    """Return the curve for a program, such as the dashboard."""
    return {
        "failing_runs": sum(bool(run.failed) for run in runs),
        "passing_runs": sum(not run.failed for run in runs),
        "points": list(map(_as_json, points)),
        "tracked_runs": _tracked(runs),
        "combined": list(map(_as_json, combined_curve(runs))),
    }


def _as_json(point: Point) -> dict[str, Any]:
    return {
        name: value._asdict() if hasattr(value, "_asdict") else value
        for name, value in (*point._asdict().items(), ("is_kept", point.is_kept))
    }


def _say_combined(runs: Sequence[Foreseen]) -> None:
    """Print the curve of `affected,confidence:P`, or why there is none."""
    points = combined_curve(runs)
    if not points:
        say("affected,confidence is not replayed: the history holds no dependencies of tests.", "")
        return
    say(f"affected,confidence: {_tracked(runs):,} of {len(runs):,} runs know what their tests use")
    print_table([_row(point) for point in points], _COLUMNS)
    say("")


def _tracked(runs: Sequence[Foreseen]) -> int:
    return sum(run.combined is not None for run in runs)


def _title(job: str | None, points: Sequence[Point], n_runs: int) -> str:
    if job is None:
        return f"all jobs, {n_runs:,} runs replayed"
    return f"job {job or '(none)'}, {points[0].n_runs:,} runs with a promise"


def _row(point: Point) -> dict[str, object]:
    if not point.n_failing_runs:
        need = f"{point.n_needed:,} before it" if point.n_needed else "more than count"
        caught = f"too little: needs {need}"
    else:
        caught = interval(point.caught) + ("" if point.is_kept else " BROKEN")
    return {
        "confidence": percent(point.confidence),
        "failing_runs": point.n_failing_runs,
        "caught": caught,
        "new_caught": interval(point.new_caught),
        "tests_caught": interval(point.tests_caught),
        "tests_first": interval(point.tests_first),
        "saved": interval(point.saved),
        "saved_passing": interval(point.saved_passing),
    }
