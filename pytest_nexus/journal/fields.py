"""The building blocks of the journal's format table: kinds of lines, and their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.domain.records import Attempt


def _not_checked(value: object) -> object:
    return value


def _not_written(_attempt: Attempt) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a line."""

    name: str
    type: str
    meaning: str
    check: Callable[[Any], Any] = _not_checked
    """Returns the value for use from its JSON value; raises one of `WRONG` for an invalid value."""
    write: Callable[[Attempt], str | None] = _not_written
    """Returns the JSON text of an attempt's value; None if the field is left out."""
    is_optional: bool = False
    """Whether the field may be missing or null in a line."""
    is_of_passed: bool = False
    """Whether an attempt that passed at once may have the field. `JournalWriter.passed` does not
    know new fields of this kind, and is then not used."""

    @property
    def shown(self) -> str:
        """The name, with a question mark if the field may be missing."""
        return f"{self.name}?" if self.is_optional and "null" not in self.type else self.name


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of line."""

    name: str
    meaning: str
    fields: tuple[Field, ...]

    def read(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the checked values of a line, without missing and unknown fields.

        Raises:
            Exception: one of `WRONG`: a value is invalid or missing.
        """
        found: dict[str, Any] = {}
        for each in self.fields:
            value = record.get(each.name)
            if value is not None:
                found[each.name] = each.check(value)
            elif not each.is_optional:
                raise KeyError(each.name)
        return found

    def line(self, attempt: Attempt) -> str:
        """Return the line of an attempt, including the line end."""
        line = f'{{"kind":"{self.name}"'
        for each in self.fields:
            value = each.write(attempt)
            if value is not None:
                line += f',"{each.name}":{value}'
        return line + "}\n"
