"""Write a header line, and a summary of a few lines, to the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.domain.wording import counted, seconds
from pytest_nexus.errors import with_code
from pytest_nexus.report.session.order_gain import Shared, gain

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_nexus.report.session.rerun_lines import RerunReport
    from pytest_nexus.session.ingestion import Recorded
    from pytest_nexus.session.pipeline import Pipeline
    from pytest_nexus.session.planned import Reused

_RED: Final = {"red": True}
_YELLOW: Final = {"yellow": True}


class TerminalReport:
    """Reports on the terminal of the single process or the controller."""

    def __init__(self, pipeline: Pipeline, rerun_report: RerunReport | None = None) -> None:
        self._pipeline = pipeline
        self._rerun_report = rerun_report
        self._n_shown = 0

    def pytest_report_header(self) -> list[str]:
        """Return the header: active features, amount of history, and what is missing so far.

        In a session that may be brief, nothing of this is known yet.
        """
        line = [] if self._pipeline.is_brief else [header_line(self._pipeline)]
        notices = [f"nexus: {sentence}" for sentence in self._new_notices()]
        return [shown(each) for each in (*line, *notices)]

    def pytest_report_collectionfinish(self, config: pytest.Config) -> list[str]:
        """Return the delayed header, in a session that turned out not to be brief."""
        is_late = self._pipeline.setup.narrowed_to and not self._pipeline.is_brief
        if (
            not is_late
            or config.get_verbosity() < 0
            or config.getoption("no_header", default=False)
        ):
            return []
        notices = [f"nexus: {sentence}" for sentence in self._new_notices()]
        return [shown(each) for each in (header_line(self._pipeline), *notices)]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None]:
        """Write what is missing so far if there was no header, as under `-q`."""
        yield
        terminal: Any = session.config.pluginmanager.get_plugin("terminalreporter")
        lists = session.config.option.collectonly  # node ids, which other programs read
        if terminal is None or lists or session.config.get_verbosity() < -1:
            return
        for sentence in self._new_notices():
            terminal.write_line(shown(f"nexus: {sentence}"), **_YELLOW)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the gains; with `-q` one line for each notable fact, with `-qq` nothing."""
        verbosity = terminalreporter.config.get_verbosity()
        self._write_own(terminalreporter, verbosity)
        if verbosity >= 0 and self._pipeline.hooks.has("pytest_nexus_report_sections"):
            from pytest_nexus.report.session.sections import write_sections  # noqa: PLC0415 - where there are any

            write_sections(self._pipeline, terminalreporter)
            for notice in self._new_notices():
                terminalreporter.write_line(shown(f"nexus: {notice}"), **_YELLOW)

    def _write_own(self, terminalreporter: pytest.TerminalReporter, verbosity: int) -> None:
        lines = summary_lines(self._pipeline)
        notices = self._new_notices()
        findings = [
            *missed_line(self._pipeline.missed),
            *missed_sample(self._pipeline),
            *self._findings(verbosity),
        ]
        explanation = explained(self._pipeline)
        if verbosity < -1 or not (lines or notices or findings or explanation):
            return
        prefix = ""
        if verbosity < 0:
            prefix, lines = "nexus: ", lines[:1]
        else:
            terminalreporter.write_sep("-", "nexus")
        for finding in findings:
            write_outcome(terminalreporter, shown(finding), prefix)
        for line in lines:
            terminalreporter.write_line(shown(f"{prefix}{line}"))
        for notice in notices:
            terminalreporter.write_line(shown(f"{prefix}{notice}"), **_YELLOW)
        for line in explanation:
            terminalreporter.write_line(shown(line))

    def _findings(self, verbosity: int) -> list[str]:
        """Return the results of single tests, one line each."""
        if self._rerun_report is None:
            return []
        return self._rerun_report.lines(verbosity)

    def _new_notices(self) -> list[str]:
        new = self._pipeline.notices.since(self._n_shown)
        self._n_shown += len(new)
        return new


def write_outcome(terminal: pytest.TerminalReporter, finding: str, prefix: str = "") -> None:
    """Write the result of a test, with its first word in pytest's colour."""
    word, colon, rest = finding.partition(":")
    terminal.write(prefix)
    terminal.write(word, **(_RED if word == "failed" else _YELLOW))
    terminal.write_line(f"{colon}{rest}")


def header_line(pipeline: Pipeline) -> str:
    """Return the active features, the known history and the change, in one line."""
    knowledge, change = pipeline.knowledge, pipeline.change
    share = pipeline.setup.share
    parts = [f"order {pipeline.setup.options.order}"]
    if share is not None:
        pinned = " of a pinned plan" if share.pinned is not None else ""
        parts.append(f"shard {share.shard}/{share.n_shards}{pinned}")
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


def explained(pipeline: Pipeline) -> list[str]:
    """Return why the first tests came first and which tests moved, if the user asks for it."""
    lines = list(pipeline.planned.explanation)
    if pipeline.setup.options.explain and pipeline.live is not None:
        from pytest_nexus.report.session.learned import explanation  # noqa: PLC0415 - as asked for

        lines += explanation(pipeline.live)
    return lines


def summary_lines(pipeline: Pipeline) -> list[str]:
    """Return the gains and the recorded facts; empty if nothing was recorded."""
    planned, timeline = pipeline.planned, pipeline.timeline
    lines = [*reused_line(planned.reused), *left_lines(pipeline)]
    shared = Shared(planned.scopes, planned.setups)
    gained = gain(planned.expected, timeline, shared) if planned.expected else None
    if gained is not None:
        lines.append(
            f"first failure after {seconds(gained.first_failure_s)} of tests;"
            f" in collection order after {seconds(gained.in_collection_order_s)}"
            f" (all tests: {seconds(gained.total_s)})"
        )
    if pipeline.live is not None and pipeline.live.moves.moved:
        from pytest_nexus.report.session.learned import learned_line  # noqa: PLC0415 - after a failure

        lines.append(learned_line(pipeline.live, timeline))
    if pipeline.recorded is not None:
        lines += recorded_line(pipeline.recorded, timeline.n_tests(), is_brief=pipeline.is_brief)
        lines += [pipeline.recorded.drift] if pipeline.recorded.drift else []
    return lines


def missed_line(missed: Sequence[str]) -> list[str]:
    """Return that tests failed that would have been left out; empty if none did."""
    if not missed:
        return []
    more = f" and {len(missed) - 1:,} more" if len(missed) > 1 else ""
    sentence = (
        f"failed: audit of {missed[0]}{more}: nothing that it uses has changed; results are not"
        " reused until `nexus reuse on`, see nexus reuse audit"
    )
    return [with_code("NX235", sentence)]


def reused_line(reused: Reused) -> list[str]:
    """Return how many tests were left out, and the time that this saved; empty if none was."""
    if not reused.n_tests:
        return []
    tests = counted(reused.n_tests, "test")
    audited = f"; {len(reused.audited):,} more ran as an audit" if reused.audited else ""
    return [
        f"{tests} left out (passed with the same code), {seconds(reused.seconds)} saved{audited}"
    ]


def left_lines(pipeline: Pipeline) -> list[str]:
    """Return what a selection left out because of forecasts; empty without such a selection."""
    selection = pipeline.planned.selection
    if selection is None:
        return []
    from pytest_nexus.plan.selection.unlikely import BEYOND, UNLIKELY  # noqa: PLC0415 - where there is one
    from pytest_nexus.report.session.left_out_lines import selection_lines  # noqa: PLC0415 - the same

    left = pipeline.planned.left
    ours = {reason: left[reason] for reason in left if reason.startswith((UNLIKELY, BEYOND))}
    return selection_lines(selection, ours, failed_tests(pipeline))


def missed_sample(pipeline: Pipeline) -> list[str]:
    """Return that a test of the random sample failed; empty if none did."""
    if pipeline.planned.selection is None:
        return []
    from pytest_nexus.report.session.left_out_lines import missed_lines  # noqa: PLC0415 - after a selection

    return missed_lines(pipeline.planned.selection, failed_tests(pipeline))


def failed_tests(pipeline: Pipeline) -> list[str]:
    """Return the node ids of the failed tests, each once, in the order of the failures."""
    timeline = pipeline.timeline
    return list(dict.fromkeys(timeline.nodeids[index] for index in sorted(timeline.bad)))


def recorded_line(recorded: Recorded, n_tests: int, *, is_brief: bool) -> list[str]:
    """Return how many tests were recorded, and where; empty if none was and nothing changed."""
    tests = f"{counted(n_tests, 'test')} recorded"
    if recorded.n_runs is not None:
        return [f"{tests}; the history now has {counted(recorded.n_runs, 'run')}"]
    if not n_tests:
        return []
    return [tests if is_brief else f"{tests} in {recorded.journal}"]
