"""`nexus sql`: answer a query about the runs and attempts of a history."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.history.analytics.people_tables import PEOPLE_TABLES
from pytest_nexus.history.analytics.read_only_sql import Answer, answer, require_reading
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

_COLUMNS = ("table", "column", "type", "meaning")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "query", nargs="?", metavar="QUERY", help="one SELECT (default: list tables and columns)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="parquet files that `nexus history export --format parquet` wrote"
        " (default: the history)",
    )
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="of the answer (table)"
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the answer to the query; without a query, print what can be queried."""
    how = "json" if options.json else options.format
    if options.query is None:
        _print(_catalogue(), how)
    elif options.data is not None:
        _print(answer(options.data, options.query), how)
    else:
        _print(_answer_of_history(options), how)
    return 0


def _answer_of_history(options: argparse.Namespace) -> Answer:
    require_reading(options.query)
    take_in_waiting(options.history)
    with tempfile.TemporaryDirectory(prefix="nexus-sql-") as between:
        folder = Path(between) / "tables"
        with required_history(options.history) as history:
            history.export_parquet(folder)
        return answer(folder, options.query)


def _catalogue() -> Answer:
    rows: list[tuple[Any, ...]] = [
        (table.name, column.name, column.type, column.meaning)
        for table in PEOPLE_TABLES
        for column in table.columns
    ]
    return Answer(list(_COLUMNS), rows)


def _print(found: Answer, how: str) -> None:
    columns = _distinct(found.columns)
    if how == "csv":
        _print_csv([columns, *found.rows])
        return
    rows = [dict(zip(columns, map(_plain, row), strict=True)) for row in found.rows]
    if how == "json":
        print_json(rows)
    else:
        print_table(rows, columns)


def _print_csv(rows: Iterable[Iterable[Any]]) -> None:
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        say(line.getvalue())


def _distinct(names: list[str]) -> list[str]:
    """Number the repeated names, so that no column of an answer is lost.

    >>> _distinct(["count", "run", "count"])
    ['count', 'run', 'count_2']
    """
    found: list[str] = []
    for name in names:
        number, distinct = 1, name
        while distinct in found:
            number += 1
            distinct = f"{name}_{number}"
        found.append(distinct)
    return found


def _plain(value: Any) -> Any:
    """Return a value that JSON has: times become texts, and decimals become floats."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return str(value)
