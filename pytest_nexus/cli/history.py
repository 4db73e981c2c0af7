"""`nexus history`: show the history, and add runs to it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.pending_journals import open_or_begin, take_in_waiting
from pytest_nexus.cli.arguments.pull import add_pull_arguments
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar, Waiting
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.store import read_history
from pytest_nexus.importers.find import import_paths
from pytest_nexus.project import add_history_option, history_path, journal_folder

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.importers.find import ImportSummary

_DAY_S = 86_400
_COLUMNS = (
    "started",
    "commit",
    "branch",
    "source",
    "tests",
    "failed",
    "reruns",
    "seconds",
    "workers",
    "exit",
    "complete",
    "selected_by",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="list the runs, newest first")
    show.add_argument("--limit", type=natural, default=20, metavar="N", help="runs to list (20)")
    add_json_option(show)
    take = commands.add_parser(
        "import", help="add journals, JUnit XML, pytest-reportlog and .test_durations files"
    )
    take.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, folders, globs (default: the journals)"
    )
    add_json_option(take)
    fetch = commands.add_parser("pull", help="add the runs of CI jobs, from GitHub or a run log")
    add_pull_arguments(fetch)
    send = commands.add_parser("push", help="add the runs to a run log in PostgreSQL")
    send.add_argument(
        "--to", required=True, metavar="URL", help="postgresql://HOST/DATABASE[?schema=PROJECT]"
    )
    add_json_option(send)
    merge = commands.add_parser("merge", help="add all runs of other histories")
    merge.add_argument("others", nargs="+", type=Path, metavar="FILE", help="histories to read")
    export = commands.add_parser("export", help="write a copy")
    export.add_argument(
        "output", type=Path, metavar="FILE", help="file to write; a new folder for parquet"
    )
    export.add_argument(
        "--format",
        choices=("sqlite", "parquet"),
        default="sqlite",
        help="a history, or parquet files for `nexus sql` and other tools (sqlite)",
    )
    export.add_argument(
        "--slim",
        action="store_true",
        help="leave out the single attempts, for a small copy that CI jobs can use",
    )
    prune = commands.add_parser("prune", help="forget old runs")
    prune.add_argument("--keep-runs", type=natural, metavar="N", help="keep the newest N runs")
    prune.add_argument(
        "--older-than", type=natural, metavar="DAYS", help="delete runs that are older"
    )
    rebuild = commands.add_parser(
        "rebuild", help="compute what is known of every test again, from its runs"
    )
    check = commands.add_parser("check", help="look for damage; exit 1 if there is any")
    add_json_option(check)
    actions = {
        show: _show, take: _import, fetch: _pull, send: _push, merge: _merge, export: _export,
        prune: _prune, rebuild: _rebuild, check: _check,
    }  # fmt: skip
    for command, action in actions.items():
        add_history_option(command)
        command.set_defaults(run=action)


def _show(options: argparse.Namespace) -> int:
    path = history_path(options.history)
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        runs, total = history.runs(limit=options.limit), history.count_runs()
        n_tests = history.count_tests()
    if options.json:
        print_json([_as_json(run) for run in runs])
        return 0
    print_table([_row(run) for run in runs], _COLUMNS)
    say("", f"{counted(total, 'run')} of {counted(n_tests, 'test')} in {path!s}")
    return 0


def _import(options: argparse.Namespace) -> int:
    """Import files; exit with 1 if a named file fails, but not if a folder has other files."""
    journals = journal_folder()
    patterns = options.paths or ([str(journals)] if journals.is_dir() else [])
    bar = ProgressBar("files", is_quiet=options.json)
    with open_or_begin(history_path(options.history)) as history, bar:
        summary = import_paths(history, patterns, bar)
    if options.json:
        print_json(asdict(summary) | {"refused": [[str(p), why] for p, why in summary.refused]})
    else:
        _print_import(summary)
    named = {Path(pattern).resolve() for pattern in patterns}
    return 1 if any(path.resolve() in named for path, _ in summary.refused) else 0


def _print_import(summary: ImportSummary) -> None:
    say(
        f"{counted(summary.taken, 'run')} with {counted(summary.attempts, 'attempt')} added,"
        f" {summary.known:,} known already"
    )
    if summary.dropped:
        say(f"{summary.dropped:,} entries left out: they make no sense as results of tests")
    for path, reason in summary.refused:
        say(f"refused {path!s}: {reason}")


def _push(options: argparse.Namespace) -> int:
    from pytest_nexus.cli.history_share import push_from  # noqa: PLC0415 - only here

    take_in_waiting(options.history)
    with _existing(options) as history:
        return push_from(history, options)


def _pull(options: argparse.Namespace) -> int:
    if options.run_log is not None:
        from pytest_nexus.cli.history_share import pull_from_log  # noqa: PLC0415 - only here

        with open_or_begin(history_path(options.history)) as history:
            return pull_from_log(history, options)
    from pytest_nexus.cli.history_pull import pull_into  # noqa: PLC0415 - loads requests

    with open_or_begin(history_path(options.history)) as history:
        return pull_into(history, options)


def _merge(options: argparse.Namespace) -> int:
    with open_or_begin(history_path(options.history)) as history:
        before = history.count_runs()
        for other in options.others:
            with Waiting(f"taking in the runs of {other.name}"):
                history.merge(other)
        say(f"{counted(history.count_runs() - before, 'run')} added")
    return 0


def _export(options: argparse.Namespace) -> int:
    if options.format == "parquet":
        return _export_parquet(options)
    with _existing(options) as history, Waiting("writing the copy"):
        history.export(options.output, slim=options.slim)
    say(f"{options.output!s}: {options.output.stat().st_size:,} bytes")
    return 0


def _export_parquet(options: argparse.Namespace) -> int:
    if options.slim:
        raise HistoryError("NX529", "--slim leaves out the attempts; omit it with --format parquet")
    with _existing(options) as history:
        rows = history.export_parquet(options.output)
    size_bytes = sum(file.stat().st_size for file in options.output.glob("*/*.parquet"))
    counts = f"{counted(rows['runs'], 'run')}, {counted(rows['attempts'], 'attempt')}"
    say(f"{options.output!s}: {counts}, {size_bytes:,} bytes")
    return 0


def _prune(options: argparse.Namespace) -> int:
    if options.keep_runs is None and options.older_than is None:
        raise HistoryError("NX522", "prune needs --keep-runs N or --older-than DAYS")
    before = None if options.older_than is None else clock.time() - options.older_than * _DAY_S
    with open_or_begin(history_path(options.history)) as history, Waiting("forgetting old runs"):
        forgotten = history.prune(keep_runs=options.keep_runs, before=before)
    say(f"{counted(forgotten, 'run')} forgotten")
    return 0


def _rebuild(options: argparse.Namespace) -> int:
    with open_or_begin(history_path(options.history)) as history:
        with Waiting("computing the state of every test"):
            history.rebuild()
        tests, runs = history.count_tests(), history.count_runs()
        say(f"state of {counted(tests, 'test')} from {counted(runs, 'run')}")
    return 0


def _check(options: argparse.Namespace) -> int:
    waiting = Waiting("looking for damage", is_quiet=options.json)
    with _existing(options) as history, waiting:
        problems = history.check()
    if options.json:
        print_json(problems)
    else:
        say(*(problems or ["no damage found"]))
    return 1 if problems else 0


def _existing(options: argparse.Namespace) -> History:
    path = history_path(options.history)
    history = read_history(path)
    if history is None:
        raise HistoryError("NX517", f"There is no history {path!s}")
    return history


def _row(run: RunSummary) -> dict[str, object]:
    started = datetime.fromtimestamp(run.run.started_at, UTC)
    change = run.run.change
    return {
        "started": f"{started:%Y-%m-%d %H:%M:%S}",
        "commit": (change.commit or "")[:9] + ("+" if change.dirty else "") or None,
        "branch": change.branch,
        "source": run.run.source,
        "tests": run.n_tests,
        "failed": run.n_failed,
        "reruns": run.n_reruns,
        "seconds": None if run.run.duration_s is None else round(run.run.duration_s, 2),
        "workers": run.run.workers,
        "exit": run.run.exit_status,
        "complete": run.run.complete,
        "selected_by": " ".join(run.run.selected_by) or None,
    }


def _as_json(run: RunSummary) -> dict[str, Any]:
    """Return a run with its records as JSON objects; JSON would write named tuples as lists."""
    change, ci = run.run.change, run.run.ci
    files = [{k: v for k, v in file._asdict().items() if k != "words"} for file in change.files]
    inner = {"change": change._asdict() | {"files": files}, "ci": ci._asdict() if ci else None}
    return asdict(run) | {"run": run.run._asdict() | inner}
