"""Write the files through which a step of GitHub Actions reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.domain.system import originals
from pytest_nexus.errors import OptionError, PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping


def append_to(variable: str, text: str) -> None:
    """Append a text to the file that a variable names; do nothing without such a file.

    Raises:
        OptionError: the file cannot be written.
    """
    name = originals.environ.get(variable)
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise OptionError("NX825", f"Couldn't write {variable} to {name!r}: {error}") from error


def require_outputs() -> None:
    """Refuse to go on without the file for the outputs of a step.

    Raises:
        PlanError: this is no step of GitHub.
    """
    if not originals.environ.get("GITHUB_OUTPUT"):
        raise PlanError(
            "NX459", "--github-output needs GITHUB_OUTPUT, which GitHub sets in every step"
        )


def write_outputs(outputs: Mapping[str, str]) -> None:
    """Set outputs of the step; each value is a single line, so it cannot set another output."""
    lines = (f"{name}={' '.join(value.split())}\n" for name, value in outputs.items())
    append_to("GITHUB_OUTPUT", "".join(lines))
