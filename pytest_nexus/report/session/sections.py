"""Sections of the terminal summary that plugins add, and what they are told of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.session.user_hooks import usable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_nexus.session.pipeline import Pipeline

SECTIONS: Final = "pytest_nexus_report_sections"


class Section(NamedTuple):
    """A part of the terminal summary."""

    title: str
    """Stands in the line above."""
    lines: tuple[str, ...]
    """Each is one line; what a terminal would obey is made visible."""


class SessionSummary(NamedTuple):
    """What a session did."""

    n_tests: int
    """Tests with an attempt."""
    failed: tuple[str, ...]
    """Node ids of the failures, in the order in which they were seen."""
    tests_s: float
    """Seconds of all attempts, reruns included."""
    expected_s: float
    """What the plan expected for them; 0 without a plan."""
    journal: str = ""
    """Name of the journal; empty where nothing is recorded."""
    n_runs: int | None = None
    """Runs in the history with this one; None where this one is not in it."""


def summary_of(pipeline: Pipeline) -> SessionSummary:
    """Return what a session did."""
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
    """Yield the sections that can be used."""
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
