"""Turn the facts into the JSON of the page: compact columns for the tests, the rest as is.

A suite of 10,000 tests has to fit into few megabytes. The path of a file is stored once, equal
cells of a strip are counted, and numbers keep six digits. Pure.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.report.facts.suite_section import CELLS, SECONDS_OF

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.report.facts.collect_facts import DashboardFacts
    from pytest_nexus.report.facts.suite_section import TestRow

_EQUAL: Final = re.compile(r"(.)\1{2,}")
_LARGE: Final = 1e6
_KEPT_AS_THEY_ARE: Final = ("runs", "failures", "flakes", "since_failure", "rank")
_ROUNDED: Final = ("seconds", "last_seen", "p_fail")


def page_values(facts: DashboardFacts) -> dict[str, Any]:
    """Return the JSON values of the page."""
    rows = facts.suite.tests
    place = {row.key: at for at, row in enumerate(rows)}
    rest = replace(facts, suite=replace(facts.suite, tests=(), details=()))
    details = {
        place[each.key]: compact(asdict(each))
        for each in facts.suite.details
        if each.key in place
    }  # fmt: skip
    return {
        **compact(asdict(rest)),
        "tests": test_columns(rows),
        "details": details,
        "n_strip": CELLS,
        "times": {"digits": SECONDS_OF, "base_s": 1e-4, "factor": 1.3},
    }


def test_columns(rows: Sequence[TestRow]) -> dict[str, Any]:
    """Return the rows of the tests by column."""
    split = [divided(row.key) for row in rows]
    paths, path = _numbered(first for first, _ in split)
    statuses, status = _numbered(row.status for row in rows)
    return {
        "paths": paths,
        "path": path,
        "name": [name for _, name in split],
        "strip": [pack_strip(row.strip) for row in rows],
        "times": [row.times for row in rows],
        "statuses": statuses,
        "status": status,
        "quarantined": [at for at, row in enumerate(rows) if row.is_quarantined],
        **{name: [getattr(row, name) for row in rows] for name in _KEPT_AS_THEY_ARE},
        **{name: [compact(getattr(row, name)) for row in rows] for name in _ROUNDED},
    }


def divided(key: str) -> tuple[str, str]:
    """Return the file of a test, and the rest of its key.

    >>> divided("tests/test_a.py::TestA::test_x[a::b]"), divided("README.md")
    (('tests/test_a.py', '::TestA::test_x[a::b]'), ('README.md', ''))
    """
    path, mark, name = key.partition("::")
    return path, mark + name


def pack_strip(strip: str) -> str:
    """Return a strip with a number in place of three or more equal cells.

    >>> pack_strip("............FFR..")
    '.12FFR..'
    """
    return _EQUAL.sub(lambda found: f"{found[1]}{len(found[0])}", strip)


def compact(value: Any) -> Any:
    """Return a JSON value with numbers of at most six digits, and null for what is no number.

    >>> compact({"a": (0.123456789, 1_795_766_400.25, float("nan"))})
    {'a': [0.123457, 1795766400, None]}
    """
    if isinstance(value, float):
        if not isfinite(value):
            return None
        return round(value) if abs(value) >= _LARGE else float(f"{value:.6g}")
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): compact(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [compact(each) for each in value]
    return value


def _numbered(values: Iterable[str]) -> tuple[list[str], list[int]]:
    """Return the distinct values, and for each value its position among them."""
    place: dict[str, int] = {}
    found = [place.setdefault(value, len(place)) for value in values]
    return list(place), found
