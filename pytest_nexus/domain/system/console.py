"""Print all lines of a command; no CI runner interprets foreign text in them.

No other module of this package prints. Each argument is one line, so that no foreign value can
begin a line of its own.
"""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.safe_text import shown, shown_json
from pytest_nexus.domain.system.display import has_colours
from pytest_nexus.errors import NexusError, with_code

if TYPE_CHECKING:
    from collections.abc import Sequence

Style = Literal["", "bold", "dim", "red", "green", "yellow", "cyan"]
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_CODES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


class Styled(NamedTuple):
    """A part of a line, and how a terminal shows it."""

    text: str
    style: Style = ""


def say(*lines: str) -> None:
    """Print lines to the output; an empty line if there is no argument."""
    print("\n".join(map(shown, lines)), flush=True)


def say_styled(*lines: Sequence[Styled]) -> None:
    """Print lines of styled parts to the output; without colours where it has none."""
    if not has_colours():
        say(*("".join(part.text for part in line) for line in lines))
        return
    for line in lines:
        print("".join(map(_painted, line)), flush=True)


def _painted(part: Styled) -> str:
    text = shown(part.text)
    code = _CODES.get(part.style)
    return text if code is None or not text else f"\033[{code}m{text}\033[0m"


def warn(*lines: str) -> None:
    """Print lines to the error output."""
    print("\n".join(map(shown, lines)), file=sys.stderr, flush=True)


def warn_of(loss: str) -> None:
    """Print a warning about missing data, in the words of a session."""
    warn(f"nexus: {loss}")


def complain(error: Exception) -> None:
    """Print an error in one line, followed by the output of another program, if there is any."""
    if isinstance(error, NexusError):
        warn(f"nexus: {error.first_line}", *(f"  {line}" for line in error.output))
    elif isinstance(error, OSError) and _is_full(error):
        warn(
            with_code(
                "NX160",
                f"nexus: no space is left for a file: {error}; free some space, or name a folder on"
                " another disk by TMPDIR, and call the command again",
            )
        )
    else:
        warn(f"nexus: {error}")


def _is_full(error: OSError) -> bool:
    """Return whether a disk or a quota is full; then Python finds no temporary folder either."""
    return error.errno in _FULL or "usable temporary directory" in str(error)


def say_json(text: str) -> None:
    """Print a JSON text; a program that reads the output gets unchanged values."""
    print(shown_json(text.removesuffix("\n")), flush=True)


def give_command(line: str) -> None:
    """Print one command of GitHub's runner, `::error ...::...`; the text holds no other command."""
    print("::" + shown(line.removeprefix("::")), flush=True)


def say_own(text: str) -> None:
    """Print a text without any foreign words, such as a shell script."""
    print(text, flush=True)


def progress(text: str, *, is_last: bool = False) -> None:
    """Show the progress of a command, on a terminal only; the next call overwrites the line."""
    if sys.stderr.isatty():
        end = "\n" if is_last else ""
        print(f"\r{shown(text)}\033[K", end=end, file=sys.stderr, flush=True)
