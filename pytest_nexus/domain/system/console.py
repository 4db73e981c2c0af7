"""Prints every line of a command: what others wrote in it is shown, and obeyed by no runner.

Nothing else in this package prints. A line ends where an argument ends, so that no value that
somebody hands over begins a line of its own.
"""

from __future__ import annotations

import sys

from pytest_nexus.domain.safe_text import shown, shown_json
from pytest_nexus.errors import NexusError


def say(*lines: str) -> None:
    """Print lines to the output; without an argument an empty one."""
    print("\n".join(map(shown, lines)), flush=True)


def warn(*lines: str) -> None:
    """Print lines to the error output."""
    print("\n".join(map(shown, lines)), file=sys.stderr, flush=True)


def warn_of(loss: str) -> None:
    """Print what was not available, in the words of a session."""
    warn(f"nexus: {loss}")


def complain(error: Exception) -> None:
    """Print an error in one line; below that line, what another program had to say."""
    if isinstance(error, NexusError):
        warn(f"nexus: {error.message}", *(f"  {line}" for line in error.output))
    else:
        warn(f"nexus: {error}")


def say_json(text: str) -> None:
    """Print a JSON text; a program that reads the output gets the values unchanged."""
    print(shown_json(text.removesuffix("\n")), flush=True)


def give_command(line: str) -> None:
    """Print a command that GitHub's runner is meant to obey, `::error ...::...`, and no other."""
    print("::" + shown(line.removeprefix("::")), flush=True)


def say_own(text: str) -> None:
    """Print a text in which no word comes from elsewhere, such as a shell script."""
    print(text, flush=True)


def progress(text: str, *, is_last: bool = False) -> None:
    """Show how far a command is, on a terminal only; the next call writes over the line."""
    if sys.stderr.isatty():
        end = "\n" if is_last else ""
        print(f"\r{shown(text)}\033[K", end=end, file=sys.stderr, flush=True)
