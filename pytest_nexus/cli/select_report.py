"""`nexus select report`: what selection saved, or would have saved, and what it missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.output.tables import print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, fine_seconds, percent
from pytest_nexus.plan.selection.shares import Share, of_counts
from pytest_nexus.training.selection.intervals import of_sums, of_tests

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pytest_nexus.history.queries.selection import SelectedRun
    from pytest_nexus.history.store import History

_COLUMNS: Final = (
    "week", "runs", "shadow", "left_out", "seconds", "failing_runs", "missed", "failing_tests",
    "tests_missed",
)  # fmt: skip

_SHOWN: Final = 10
"""Missed runs that are named, the newest ones."""


def show(options: argparse.Namespace, history: History) -> int:
    """Print the report of all runs with a selection."""
    found = report_of(history.selection.runs())
    if options.json:
        print_json(found)
        return 0
    if not found["weeks"]:
        say("no run had a selection yet; `nexus_select_shadow = true` begins without a risk")
        return 0
    print_table(found["weeks"], _COLUMNS)
    say("", *_lines(found["total"]))
    return 0


def report_of(runs: Sequence[SelectedRun]) -> dict[str, Any]:
    """Return the report: totals with intervals, and a row for each week."""
    weeks: dict[str, list[SelectedRun]] = {}
    for run in runs:
        weeks.setdefault(_monday(run.started_at), []).append(run)
    return {
        "total": _total(runs),
        "weeks": [{"week": week, **_sums(own)} for week, own in sorted(weeks.items())],
    }


def finite(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields for JSON, which has no infinity."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in fields.items()
    }


def interval(share: Share | None) -> str:
    """Return a share with its interval, for people.

    >>> interval(Share(0.95, 0.9, 0.975)), interval(None)
    ('95.0 % (90.0 to 97.5)', '-')
    """
    if share is None:
        return "-"
    return f"{percent(share.share)} ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _sums(runs: Sequence[SelectedRun]) -> dict[str, Any]:
    checks = [run for run in runs if run.is_check]
    return {
        "runs": len(runs),
        "shadow": sum(run.mode == "shadow" for run in runs),
        "left_out": sum(run.n_left for run in runs),
        "seconds": round(sum(run.left_s for run in runs), 1),
        "failing_runs": len(checks),
        "missed": sum(run.is_missed for run in checks),
        "failing_tests": sum(run.n_failed for run in checks),
        "tests_missed": sum(run.n_failed for run in checks if run.is_missed),
        "tests_late": sum(run.n_missed for run in checks if not run.is_missed),
    }


def _total(runs: Sequence[SelectedRun]) -> dict[str, Any]:
    checks = [run for run in runs if run.is_check]
    timed = [(run.left_s, _whole_s(run)) for run in runs if run.duration_s is not None]
    shares = {
        "missed_share": of_counts(sum(run.is_missed for run in checks), len(checks)),
        "tests_missed_share": of_tests(
            [(run.n_failed if run.is_missed else 0, run.n_failed) for run in checks]
        ),
        "seconds_share": of_sums(timed),
    }
    of_each = {name: None if each is None else each._asdict() for name, each in shares.items()}
    missed = [run.run_uid for run in checks if run.is_missed]
    return {**_sums(runs), **of_each, "missed_runs": missed}


def _whole_s(run: SelectedRun) -> float:
    """Return the seconds that a run would take with all tests."""
    ran = run.duration_s or 0.0
    return max(ran, run.left_s) if run.mode == "shadow" else ran + run.left_s


def _lines(total: Mapping[str, Any]) -> list[str]:
    def share(name: str) -> str:
        return interval(None if total[name] is None else Share(**total[name]))

    runs = counted(total["runs"], "run")
    lines = [
        (
            f"{runs}, {total['shadow']:,} in shadow: {total['left_out']:,} tests left out,"
            f" {fine_seconds(total['seconds'])}, {share('seconds_share')} of the seconds"
        ),
        (
            f"failing runs missed: {total['missed']:,} of {total['failing_runs']:,},"
            f" {share('missed_share')}"
        ),
        (
            f"failing tests missed: {total['tests_missed']:,} of {total['failing_tests']:,},"
            f" {share('tests_missed_share')}; {total['tests_late']:,} more would run only in the"
            " rest, after another failure"
        ),
        "in brackets: 95 % interval; misses are counted in runs in which all tests ran",
    ]
    return [*lines, *_missed(total["missed_runs"])]


def _missed(run_uids: Sequence[str]) -> list[str]:
    """Return a line for each of the newest missed runs, and one for the earlier ones."""
    lines = [f"missed: run {run_uid}" for run_uid in run_uids[-_SHOWN:]]
    earlier = len(run_uids) - len(lines)
    if earlier:
        lines.insert(0, f"missed: {counted(earlier, 'earlier run')}; --json lists all")
    return lines


def _monday(at: float) -> str:
    day = datetime.fromtimestamp(at, UTC)
    return f"{day - timedelta(days=day.weekday()):%Y-%m-%d}"
