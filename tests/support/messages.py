"""Find messages by their code, so that their sentences can be improved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def messages(said: str | Iterable[str], *codes: str) -> list[str]:
    """Return the lines of an output that hold one of the codes."""
    lines = said.splitlines() if isinstance(said, str) else said
    return [line for line in lines if any(f"[{code}]" in line for code in codes)]


def assert_message(said: str | Iterable[str], code: str, *values: object) -> None:
    """Assert that exactly one line of an output has the code, and that it names the values."""
    found = messages(said, code)
    assert len(found) == 1, f"{len(found)} lines with {code} in:\n{said}"
    missing = [str(value) for value in values if str(value) not in found[0]]
    assert not missing, f"{missing} not in {found[0]!r}"
