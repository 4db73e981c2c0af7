"""An argparse parser that suggests the intended word."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pytest_nexus.domain.safe_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_COMMAND: Final = "COMMAND"


class Parser(argparse.ArgumentParser):
    """A parser whose errors name similar commands, options and values."""

    def parse_args(  # type: ignore[override] # argparse has overloads for namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Return the options; an unknown argument is an error."""
        options, left = self.parse_known_args(args, namespace)
        if left:
            meant = [hint for word in left if (hint := self._meant(word))]
            self.error("; ".join([f"unrecognized arguments: {' '.join(left)}", *meant]))
        return options

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with status 2; a group without a command lists its commands."""
        if message.endswith(f": {_COMMAND}"):
            self.print_help(sys.stderr)
            self.exit(2, f"{self.prog}: error: {shown(message)}\n")
        super().error(shown(message))

    def _meant(self, word: str) -> str:
        name = word.partition("=")[0]
        found = closest(name, option_strings(self)) if name.startswith("-") else ""
        return f"did you mean {found}?" if found else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as exc:
            found = closest(str(value), map(str, action.choices or ()))
            hint = f"; did you mean {found}?" if found else ""
            raise argparse.ArgumentError(action, f"{exc.message}{hint}") from None


def closest(word: str, words: Iterable[str]) -> str:
    """Return the word with the most similar spelling; empty without a similar word.

    >>> closest("--histroy", ["--history", "--json"])
    '--history'
    """
    return next(iter(get_close_matches(word, list(words), 1)), "")


def option_strings(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of a parser and of all its sub-commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                yield from option_strings(command)
