"""`nexus insights`: what would save the most seconds, each with its evidence and remedy."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.arguments.options import positive
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, fine_seconds, long_seconds, seconds
from pytest_nexus.errors import OptionError
from pytest_nexus.launch.import_times import import_times
from pytest_nexus.plan.insights.every_finder import findings
from pytest_nexus.plan.insights.finding import MIN_RUNS, Seen, SeenRun, SeenTest, runs_per_week
from pytest_nexus.project import add_history_option, path_from, project_root
from pytest_nexus.steps.step_log import read_calls

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.insights.finding import Finding

_RUNS: Final = 200
"""Newest runs that are looked at, without another wish."""

_MOST_NAMED: Final = 4
"""With more folders of tests, the command for slow imports names none of them."""

_LONG_START_S: Final = 1.0
"""A start that takes less processor time is not worth a line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--runs", type=positive, default=_RUNS, metavar="N",
        help=f"number of the newest runs to look at (default: {_RUNS})",
    )  # fmt: skip
    parser.add_argument(
        "--imports", action="store_true",
        help="collect the suite twice, to find modules that take long to import",
    )  # fmt: skip
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Print the findings.

    Raises:
        OptionError: there are arguments for pytest, and no import is to be measured.
    """
    if options.pytest_args and not options.imports:
        raise OptionError(
            "NX157",
            "this command starts no pytest, so it takes no arguments after --,"
            f" got -- {' '.join(options.pytest_args)}; with --imports it starts one",
        )
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        seen = seen_in(history, options.runs)
        starts_s = _starts_s(history, options.runs)
        n_left = sum(each.mass_failure for each in history.runs(options.runs))
    calls = read_calls(project_root(Path.cwd()) / ".nexus" / "cache")
    seen = seen._replace(cached_calls=calls)
    if options.imports:
        seen = seen._replace(imports=import_times(options.pytest_args))
    found = findings(seen)
    weekly = runs_per_week(seen.runs)
    if options.json:
        rows = [each._asdict() | {"saved_s_per_week": each.saved_s * weekly} for each in found]
        print_json(
            {
                "runs": len(seen.runs),
                "mass_failures_left_out": n_left,
                "runs_per_week": weekly,
                "findings": rows,
            }
        )
        return 0
    for number, each in enumerate(found, 1):
        say(*_lines(number, each, weekly if len(seen.runs) >= MIN_RUNS else None))
    if starts_s >= _LONG_START_S and not options.imports:
        say(
            f"sessions take {seconds(starts_s)} of processor time before their first test; this"
            " looks for slow imports:",
            f"      nexus insights --imports{_where(seen)}",
        )
    say(_total(seen, len(found), n_left))
    return 0


def _lines(number: int, each: Finding, weekly: float | None) -> Iterator[str]:
    """Yield the lines of one finding; a command stands alone, so that it can be copied."""
    yield f"{number}. {each.sentence}"
    week = "" if weekly is None else f", {long_seconds(each.saved_s * weekly)} a week"
    yield f"   saves {fine_seconds(each.saved_s)} a run{week}"
    yield f"   evidence: {each.evidence}"
    yield f"   next: {each.advice}{':' if each.command else ''}"
    if each.command:
        yield f"      {each.command}"


def _where(seen: Seen) -> str:
    """Return the arguments by which pytest collects the recorded tests, from the current folder."""
    root = project_root(Path.cwd())
    paths = {key.partition("::")[0] for run in seen.runs for key in run.tests}
    tops = sorted({path.partition("/")[0] for path in paths})
    if not 0 < len(tops) <= _MOST_NAMED or not all((root / top).exists() for top in tops):
        return ""
    return " -- " + " ".join(quote(path_from(Path.cwd(), root / top)) for top in tops)


def _total(seen: Seen, n_found: int, n_left: int) -> str:
    left = f"; {counted(n_left, 'run')} with a mass failure left out" if n_left else ""
    few = ""
    if len(seen.runs) < MIN_RUNS:
        other = "; other findings need" if n_found else "; a finding needs"
        few = f"{other} at least {MIN_RUNS} runs"
    return f"{counted(n_found, 'finding')} in {counted(len(seen.runs), 'run')}{left}{few}"


def _starts_s(history: History, n_runs: int) -> float:
    """Return the median processor time before the first test; 0 if it is not known."""
    known = [each.run.cpu_collect_s for each in history.runs(n_runs)]
    return median([each for each in known if each is not None] or [0.0])


def seen_in(history: History, n_runs: int) -> Seen:
    """Return what the finders look at, of the newest runs that are no mass failures."""
    summaries = [
        each
        for each in history.runs(n_runs)
        if not each.mass_failure and each.run.source != "durations" and not history.is_slim
    ]
    runs = [_run(each, history) for each in reversed(summaries)]
    return Seen(runs, _executed(history), list(history.order_rules.read().values()))


def _run(summary: RunSummary, history: History) -> SeenRun:
    made = summary.run
    tests: dict[str, list[Attempt]] = {}
    for each in history.attempts(made.run_uid):
        tests.setdefault(each.key, []).append(each)
    ends = (each.started_s + each.duration_s for every in tests.values() for each in every)
    ci = made.ci
    return SeenRun(
        made.run_uid,
        made.started_at,
        max(ends, default=0.0) if made.duration_s is None else made.duration_s,
        None if made.change.dirty else made.change.commit,
        "" if ci is None else f"{ci.provider} {ci.run_id}",
        1 if ci is None else ci.run_attempt,
        "" if ci is None else ci.job,
        made.environment,
        {key: _test(each) for key, each in tests.items()
         if any(one.outcome != "skipped" for one in each)},
        made.cores,
        made.workers,
    )  # fmt: skip


def _test(attempts: Sequence[Attempt]) -> SeenTest:
    first, last = attempts[0], attempts[-1]
    has_failed = first.outcome in BAD
    return SeenTest(
        0.0 if first.setup is None else first.setup.duration_s,
        0.0 if first.call is None else first.call.duration_s,
        sum(each.duration_s for each in attempts),
        has_failed,
        sum(each.duration_s for each in attempts[1:]),
        has_failed and last.outcome not in BAD,
    )


def _executed(history: History) -> dict[str, frozenset[int]]:
    """Return what each test used when it last passed, without the code of its own file."""
    uses = history.uses()
    found = {}
    for key, fingerprints in uses.fingerprints.items():
        path = key.partition("::")[0]
        for fingerprint in fingerprints[:1]:
            found[str(key)] = frozenset(
                number
                for number in fingerprint.members
                if uses.dependencies[number].kind == "block"
                and uses.dependencies[number].name.partition("::")[0] != path
            )
    return found
