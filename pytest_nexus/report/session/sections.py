"""Write the sections that plugins add to the terminal summary, from facts about the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.session.hooks.user_hooks import usable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_nexus.session.pipeline import Pipeline

SECTIONS: Final = "pytest_nexus_report_sections"


class Section(NamedTuple):
    """A part of the terminal summary."""

    title: str
    """Title in the line above the section."""
    lines: tuple[str, ...]
    """One line of text each; control characters are made visible."""


class SessionSummary(NamedTuple):
    """The results of a session."""

    n_tests: int
    """Number of tests with an attempt."""
    failed: tuple[str, ...]
    """Node ids of the failures, in the order in which the failures occurred."""
    tests_s: float
    """Seconds of all attempts, reruns included."""
    expected_s: float
    """Seconds that the plan expected for these attempts; 0 without a plan."""
    journal: str = ""
    """Name of the journal; empty if nothing is recorded."""
    n_runs: int | None = None
    """Runs in the history including this run; None if this run is not in the history."""


def summary_of(pipeline: Pipeline) -> SessionSummary:
    """Return the results of a session."""
    timeline, recorded = pipeline.timeline, pipeline.recorded
    return SessionSummary(
        timeline.n_tests(),
        tuple(timeline.nodeids[index] for index in sorted(timeline.bad)),
        sum(timeline.durations_s),
        pipeline.planned.seconds,
        "" if recorded is None else recorded.journal,
        None if recorded is None else recorded.n_runs,
    )


def write_sections(pipeline: Pipeline, terminal: pytest.TerminalReporter) -> None:
    """Write the sections of plugins."""
    for section in _sections(pipeline):
        terminal.write_sep("-", shown(section.title))
        for line in section.lines:
            terminal.write_line(shown(line))


def _sections(pipeline: Pipeline) -> Iterator[Section]:
    """Yield the usable sections."""
    hooks = pipeline.hooks
    results = hooks.results(SECTIONS, summary=summary_of(pipeline))
    for sections in usable(hooks, SECTIONS, results, (list, tuple)):
        for section in sections:
            if _is_section(section):
                yield section
            else:
                hooks.refuse(SECTIONS, section)


def _is_section(value: Any) -> bool:
    return (
        isinstance(value, Section)
        and isinstance(value.title, str)
        and isinstance(value.lines, list | tuple)
        and all(isinstance(line, str) for line in value.lines)
    )
