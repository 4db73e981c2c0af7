"""A header line, and a summary of a few lines that a person is glad to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.harmless import shown
from pytest_nexus.report.gain import Shared, gain
from pytest_nexus.wording import counted, seconds

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_nexus.pipeline import Pipeline
    from pytest_nexus.report.healing import HealingReport

_RED: Final = {"red": True}
_YELLOW: Final = {"yellow": True}


class TerminalReport:
    """Speaks on the terminal of the single process or the controller."""

    def __init__(self, pipeline: Pipeline, healing: HealingReport | None = None) -> None:
        self._pipeline = pipeline
        self._healing = healing
        self._said = 0

    def pytest_report_header(self) -> list[str]:
        """Say what is on, how much history there is, and what is missing so far.

        A session that may be brief knows neither yet.
        """
        line = [] if self._pipeline.is_brief else [header_line(self._pipeline)]
        losses = [f"nexus: {sentence}" for sentence in self._new_losses()]
        return [shown(each) for each in (*line, *losses)]

    def pytest_report_collectionfinish(self, config: pytest.Config) -> list[str]:
        """Say it now, in a session that turned out not to be brief."""
        is_late = self._pipeline.narrowed_to and not self._pipeline.is_brief
        if (
            not is_late
            or config.get_verbosity() < 0
            or config.getoption("no_header", default=False)
        ):
            return []
        losses = [f"nexus: {sentence}" for sentence in self._new_losses()]
        return [shown(each) for each in (header_line(self._pipeline), *losses)]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None]:
        """Say what is missing so far where there was no header, as under `-q`."""
        yield
        terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        lists = session.config.option.collectonly  # node ids, which other programs read
        if terminal is None or lists or session.config.get_verbosity() < -1:
            return
        for sentence in self._new_losses():
            terminal.write_line(shown(f"nexus: {sentence}"), **_YELLOW)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was gained; with `-q` a line for each fact of note, with `-qq` nothing."""
        verbosity = terminalreporter.config.get_verbosity()
        lines = summary_lines(self._pipeline)
        losses = self._new_losses()
        findings = self._findings(verbosity)
        explanation = self._pipeline.explanation
        if verbosity < -1 or not (lines or losses or findings or explanation):
            return
        prefix = ""
        if verbosity < 0:
            prefix, lines = "nexus: ", lines[:1]
        else:
            terminalreporter.write_sep("-", "nexus")
        for finding in findings:
            write_finding(terminalreporter, shown(finding), prefix)
        for line in lines:
            terminalreporter.write_line(shown(f"{prefix}{line}"))
        for loss in losses:
            terminalreporter.write_line(shown(f"{prefix}{loss}"), **_YELLOW)
        for line in explanation:
            terminalreporter.write_line(shown(line))

    def _findings(self, verbosity: int) -> list[str]:
        """Return what became of single tests, a line for each."""
        if self._healing is None:
            return []
        return self._healing.lines(verbosity)

    def _new_losses(self) -> list[str]:
        new = self._pipeline.losses[self._said :]
        self._said = len(self._pipeline.losses)
        return new


def write_finding(terminal: pytest.TerminalReporter, finding: str, prefix: str = "") -> None:
    """Write what became of a test, with its first word in pytest's colour."""
    word, colon, rest = finding.partition(":")
    terminal.write(prefix)
    terminal.write(word, **(_RED if word == "failed" else _YELLOW))
    terminal.write_line(f"{colon}{rest}")


def header_line(pipeline: Pipeline) -> str:
    """Return what is on, what is known, and what changed, in one line."""
    knowledge, change = pipeline.knowledge, pipeline.change
    parts = [f"order {pipeline.options.order}"]
    if pipeline.share is not None:
        pinned = " of a pinned plan" if pipeline.share.pinned is not None else ""
        parts.append(f"shard {pipeline.share.shard}/{pipeline.share.n_shards}{pinned}")
    if knowledge.n_runs:
        runs = counted(knowledge.n_runs, "run")
        parts.append(f"{counted(knowledge.n_tests, 'test')} known from {runs}")
    else:
        parts.append("no history yet")
    if change.commit is not None:
        since = f" since {change.base[:9]}" if change.base else ""
        parts.append(f"{counted(len(change.files), 'file')} changed{since}")
    if change.note:
        parts.append(change.note)
    return "nexus: " + "; ".join(parts)


def summary_lines(pipeline: Pipeline) -> list[str]:
    """Return what was gained and what was learned; empty when nothing was recorded."""
    lines = []
    shared = Shared(pipeline.scopes, pipeline.setups)
    gained = gain(pipeline.expected, pipeline.timeline, shared) if pipeline.expected else None
    if gained is not None:
        lines.append(
            f"first failure after {seconds(gained.first_failure_s)} of tests;"
            f" in collection order after {seconds(gained.in_collection_order_s)}"
            f" (all tests: {seconds(gained.total_s)})"
        )
    if pipeline.n_runs_after is not None:
        recorded = counted(pipeline.timeline.n_tests(), "test")
        lines.append(
            f"{recorded} recorded; the history now has {counted(pipeline.n_runs_after, 'run')}"
        )
    elif pipeline.is_brief and pipeline.journal_name and pipeline.timeline.nodeids:
        lines.append(f"{counted(pipeline.timeline.n_tests(), 'test')} recorded")
    elif pipeline.journal_name and pipeline.timeline.nodeids:
        recorded = counted(pipeline.timeline.n_tests(), "test")
        lines.append(f"{recorded} recorded in {pipeline.journal_name}")
    return lines
