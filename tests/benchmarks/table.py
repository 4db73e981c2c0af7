"""Rows of figures, as Markdown for people and as JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MISSES: Final = "misses"

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a subject."""

    title: str
    rows: Sequence[Mapping[str, Cell]]
    note: str = ""
    """What a reader must know to read the figures."""
    samples: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """The measurements behind the figures, by variant; for the JSON only."""


def within(value: float, limit: float, unit: str) -> str:
    """Say whether a value keeps its budget, an upper bound.

    >>> within(4.14, 3, "%")
    'misses: 4.14 % > 3 %'
    >>> within(2, 3, "%")
    'meets: 2 % <= 3 %'
    """
    sign, verdict = ("<=", "meets") if value <= limit else (">", _MISSES)
    return f"{verdict}: {_beside(value, limit)} {unit} {sign} {_number(limit)} {unit}"


def at_least(value: float, limit: float, unit: str) -> str:
    """Say whether a value keeps its budget, a lower bound.

    >>> at_least(90_000, 100_000, "attempts/s")
    'misses: 90,000 attempts/s < 100,000 attempts/s'
    """
    sign, verdict = (">=", "meets") if value >= limit else ("<", _MISSES)
    return f"{verdict}: {_beside(value, limit)} {unit} {sign} {_number(limit)} {unit}"


def missed(table: Table) -> list[str]:
    """Return a line for each row that misses a budget: the table, the row, the verdict.

    >>> missed(Table("T", [{"what": "a", "budget": within(4, 3, "%")}, {"what": "b"}]))
    ['T, a: misses: 4 % > 3 %']
    """
    return [
        f"{table.title}, {next(iter(row.values()))}: {row['budget']}"
        for row in table.rows
        if _MISSES in str(row.get("budget", ""))
    ]


def markdown(table: Table) -> str:
    """Return a Markdown table under its title; its columns are those of all rows together."""
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    lines = [
        f"### {table.title}",
        "",
        _line(columns),
        _line("---:" if _is_number(table, column) else "---" for column in columns),
        *(_line(_text(row.get(column)) for column in columns) for row in table.rows),
    ]
    return "\n".join([*lines, "", table.note] if table.note else lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _is_number(table: Table, column: str) -> bool:
    return any(isinstance(row.get(column), int | float) for row in table.rows)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.replace("|", "\\|") if isinstance(cell, str) else _number(cell)


def _beside(value: float, limit: float) -> str:
    """Return a value with as many digits as tell it from the limit."""
    if value == limit or _number(value) != _number(limit):
        return _number(value)
    digits = next((digits for digits in range(1, 9) if round(value, digits) != limit), 9)
    return f"{value:,.{digits}f}"


def _number(value: float) -> str:
    """Return a number with three significant digits, and all digits of its whole part."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"
