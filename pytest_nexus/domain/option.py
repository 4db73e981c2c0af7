"""One setting of nexus: its names, its allowed values, and how a given value is read.

Every session of pytest imports this file, so it uses named tuples: a dataclass takes four times as
long to create.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


class Option(NamedTuple):
    """One setting. The ini key is its name, the environment variable its name in capitals."""

    name: str
    kind: Literal["bool", "text", "choice", "list"]
    """A `list` is one text, with its parts on lines; given as lines or with commas."""
    default: bool | str | None
    help: str
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    pattern: str = ""
    """A regular expression that the whole text must match; empty for any text."""
    form: str = ""
    """The same rule in words, for messages."""
    may_be_secret: bool = False
    """Whether a CI may set the variable from a secret, which is empty where there is none: then the
    variable counts as unset."""

    @property
    def flag(self) -> str:
        """The command line option: `nexus_order` is `--nexus-order`."""
        return "--" + self.name.replace("_", "-")

    @property
    def off_flag(self) -> str:
        """The command line option that turns a boolean off: `--no-nexus-ingest`."""
        return "--no-" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return self.name.upper()

    @property
    def allowed(self) -> str:
        """The allowed values, for messages."""
        if self.kind == "bool":
            return "true or false"
        if self.form:
            return self.form
        return " or ".join(repr(choice) for choice in self.choices) or "a text that is not empty"

    def parsed(self, raw: object) -> bool | str | None:
        """Return the value that was given; None if it is not allowed."""
        return _PARSERS[self.kind](self, raw)


def _parse_bool(_: Option, raw: object) -> bool | None:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _parse_choice(option: Option, raw: object) -> str | None:
    return raw if isinstance(raw, str) and raw in option.choices else None


def _parse_text(option: Option, raw: object) -> str | None:
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
        return None
    text = raw.strip() if option.pattern else raw
    return text if not option.pattern or re.fullmatch(option.pattern, text) else None


def _parse_list(_: Option, raw: object) -> str | None:
    lines = raw if isinstance(raw, list) else [raw]
    texts = [line for line in lines if isinstance(line, str) and "\0" not in line]
    if len(texts) < len(lines):
        return None
    parts = (part.strip() for part in re.split("[,\n]", "\n".join(texts)))
    return "\n".join(part for part in parts if part)


_PARSERS: Final[dict[str, Callable[[Option, object], bool | str | None]]] = {
    "bool": _parse_bool,
    "choice": _parse_choice,
    "text": _parse_text,
    "list": _parse_list,
}
