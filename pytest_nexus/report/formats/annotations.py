"""Make annotations of GitHub Actions, limited to the most informative ones. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.report.formats.escaping import command_data, command_property, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.report.ci.summary import Failed, Summary

MOST: Final = 10
"""GitHub shows 10 errors and 10 warnings of a step, and silently drops the rest."""

_MOST_PROBLEMS: Final = 3


def workflow_commands(
    summary: Summary, lines: Callable[[str], int | None], prefix: str = ""
) -> list[str]:
    """Return workflow commands: errors for new failures, warnings for known failures.

    Healed attempts get none. A failure with the same signature as an earlier one comes last.

    Args:
        summary: the run.
        lines: returns the line of a test in its file, or None.
        prefix: prefix of the paths if the suite is not at the top of the repository, such as
            `api/`.
    """
    problems = [
        f"::error title=tests may be lost::{command_data(plain(sentence, 500))}"
        for sentence in summary.problems[:_MOST_PROBLEMS]
    ]
    errors = [_command("error", one, lines, prefix) for one in summary.new_failures]
    warnings = [_command("warning", one, lines, prefix) for one in summary.known_failures]
    return [*[*problems, *errors][:MOST], *warnings[:MOST]]


def _command(level: str, failed: Failed, lines: Callable[[str], int | None], prefix: str) -> str:
    result = failed.result
    path = prefix + plain(result.nodeid.partition("::")[0])
    line = lines(result.nodeid)
    place = f"file={command_property(path)}" + ("" if line is None else f",line={line}")
    title = command_property(plain(result.nodeid, 200))
    failure = result.failure
    message = "failed" if failure is None else f"{failure.exception}: {failure.message}"
    if failure is not None and failure.where not in ("", result.last.function_key):
        message += f" in {failure.where}"
    if not failed.is_new:
        message += " (failed so before this run)"
    return f"::{level} {place},title={title}::{command_data(plain(message, 500))}"
