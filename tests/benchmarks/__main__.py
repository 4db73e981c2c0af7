"""The command: `python -m tests.benchmarks [subject ...] [--quick] [--output DIR]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.peers import ROOT, NotInstalledError
from tests.benchmarks.processes import RunFailedError
from tests.benchmarks.registry import SUBJECTS
from tests.benchmarks.table import markdown, missed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.table import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the subjects asked for, all by default; return 1 if one could not be measured."""
    options = _parser().parse_args(arguments)
    if not hasattr(os, "wait4"):
        print("The benchmarks need os.wait4, which this system does not have", file=sys.stderr)
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    print(f"{_machine()['python']} on {_machine()['platform']}, {os.cpu_count()} cores\n")
    reports = [_report(name, options) for name in options.subjects or SUBJECTS]
    _print_missed([line for report in reports for line in report or ()])
    return int(None in reports)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    listed = ", ".join(f"{name} ({subject.TITLE})" for name, subject in SUBJECTS.items())
    parser.add_argument("subjects", nargs="*", metavar="subject", type=_subject, help=listed)
    parser.add_argument("--quick", action="store_true", help="smallest sizes: does it still run?")
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "benchmarks-out",
        help="folder of the JSON files, one for each subject",
    )
    return parser


def _subject(name: str) -> str:
    if name not in SUBJECTS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(SUBJECTS)}, got {name!r}")
    return name


def _report(name: str, options: argparse.Namespace) -> list[str] | None:
    """Print and write what a subject measured; return which budgets it misses, None on failure."""
    with TemporaryDirectory(prefix="nexus-bench-") as folder:
        bench = Bench(Path(folder), options.quick)
        try:
            tables = [
                _unjudged(table) if options.quick else table
                for table in SUBJECTS[name].measure(bench)
            ]
        except (NotInstalledError, RunFailedError) as exc:
            print(f"{name} could not be measured: {exc}", file=sys.stderr)
            return None
    print(f"## {name}: {SUBJECTS[name].TITLE}{' (quick)' if options.quick else ''}\n")
    for table in tables:
        print(markdown(table))
    if not tables:
        print("There is nothing to measure here.\n")
    for peer, reason in bench.problems.items():
        print(f"{peer} is left out: {reason}\n")
    _print_versions(bench)
    _write(options.output / f"{name}.json", _document(name, tables, bench))
    return [f"{name}, {line}" for table in tables for line in missed(table)]


def _print_missed(lines: Sequence[str]) -> None:
    print("## Budgets that are missed\n")
    print("\n".join(f"- {line}" for line in lines or ["none"]), flush=True)


def _unjudged(table: Table) -> Table:
    """Return a table without verdicts: the budgets are meant for the full sizes."""
    rows = [{key: cell for key, cell in row.items() if key != "budget"} for row in table.rows]
    return replace(table, rows=rows)


def _print_versions(bench: Bench) -> None:
    for peer, versions in bench.versions().items():
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        print(f"- {peer}: {listed}")
    print(flush=True)


def _document(name: str, tables: Sequence[Table], bench: Bench) -> dict[str, Any]:
    return {
        "subject": name,
        "quick": bench.is_quick,
        **_machine(),
        "environments": bench.versions(),
        "left_out": bench.problems,
        "tables": [asdict(table) for table in tables],
    }


def _machine() -> dict[str, Any]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
