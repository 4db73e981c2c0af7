"""Write and read the lines about a selection: what it decided, and which tests ran regardless."""

from __future__ import annotations

from functools import partial
from json import dumps
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.validation import integer, number, text, texts
from pytest_nexus.journal.fields import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.plan.selection.recorded import RunSelection

_MAX_CHARS: Final = 512
_MAX_TESTS: Final = 2_000_000
_TESTS_PER_LINE: Final = 100
_MAX_SECONDS: Final = 1e9


def _mode(value: object) -> str:
    if value not in ("on", "shadow"):
        raise ValueError(f"mode {value!r:.50} is neither on nor shadow")
    return str(value)


SELECTION: Final = Kind(
    "selection",
    "Before the first test, if `nexus_select` has a confidence or a budget, or in shadow. In a"
    " shard: about the tests of this shard; tests that are left out count for the shard that would"
    " run them.",
    (
        Field(
            "mode", "text", "`on`: tests were left out; `shadow`: all ran, and none was left", _mode
        ),
        Field("rule", "text", "Value of `nexus_select`", partial(text, limit=_MAX_CHARS)),
        Field(
            "confidence",
            "number",
            "Promised share of failing runs that are caught, from 0 to 1",
            partial(number, most=1.0),
            is_optional=True,
        ),
        Field(
            "gap",
            "number",
            "The cut: logarithm of all expected failures over those that may be left out; absent"
            " if nothing was cut",
            partial(number, most=_MAX_SECONDS),
            is_optional=True,
        ),
        Field(
            "left",
            "integer",
            "Tests that were left out, or in shadow would have been",
            partial(integer, most=_MAX_TESTS),
        ),
        Field(
            "seconds",
            "number",
            "Seconds that these tests were expected to take",
            partial(number, most=_MAX_SECONDS),
        ),
        Field(
            "why",
            "text",
            "Why all tests ran, or why none was left out by its forecast",
            partial(text, limit=_MAX_CHARS),
            is_optional=True,
        ),
    ),
)

SPARED: Final = Kind(
    "spared",
    "After `selection`: tests that ran although they could have been left out. In shadow these are"
    " all of them, else those of the random sample.",
    (
        Field(
            "tests",
            "list of text",
            "Keys of tests, at most 100 a line",
            partial(texts, most=_TESTS_PER_LINE, limit=MAX_KEY_CHARS),
        ),
    ),
)

KINDS_OF_SELECTION: Final = (SELECTION, SPARED)


def selection_lines(selection: RunSelection) -> Iterator[str]:
    """Yield the lines of a selection, each with its line end."""
    optional: dict[str, Any] = {
        "confidence": selection.confidence,
        "gap": selection.gap if selection.gap is not None and isfinite(selection.gap) else None,
        "why": selection.why[:_MAX_CHARS] or None,
    }
    yield _line(
        SELECTION,
        {
            "mode": selection.mode,
            "rule": selection.rule[:_MAX_CHARS],
            **{name: value for name, value in optional.items() if value is not None},
            "left": selection.n_left,
            "seconds": round(min(selection.left_s, _MAX_SECONDS), 6),
        },
    )
    keys = sorted(key[:MAX_KEY_CHARS] for key in selection.left)
    for start in range(0, len(keys), _TESTS_PER_LINE):
        yield _line(SPARED, {"tests": keys[start : start + _TESTS_PER_LINE]})


class SelectionReader:
    """Takes the lines of a selection, which are untrusted input."""

    def __init__(self) -> None:
        self._head: dict[str, Any] | None = None
        self._spared: set[str] = set()

    def take(self, record: dict[str, Any]) -> None:
        """Add a line; the last line about the decision counts.

        Raises:
            Exception: one of `WRONG`: a value is invalid, or the lines are too many.
        """
        if record["kind"] == SELECTION.name:
            self._head = SELECTION.read(record)
            return
        tests = SPARED.read(record)["tests"]
        if len(self._spared) + len(tests) > _MAX_TESTS:
            raise ValueError("more tests than a session can have")
        self._spared.update(tests)

    def selection(self) -> RunSelection | None:
        """Return the selection; None if the line about the decision is missing."""
        head = self._head
        if head is None:
            return None
        from pytest_nexus.plan.selection.recorded import RunSelection  # noqa: PLC0415 - where there is one

        return RunSelection(
            head["mode"],
            head["rule"],
            head.get("confidence"),
            head.get("gap"),
            head["left"],
            head["seconds"],
            frozenset(self._spared),
            head.get("why", ""),
        )


def _line(kind: Kind, fields: dict[str, object]) -> str:
    row = {"kind": kind.name, **fields}
    return dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
