from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.options import Options
from pytest_nexus.report.session.terminal import (
    TerminalReport,
    header_line,
    missed_line,
    reused_line,
    summary_lines,
)
from pytest_nexus.session.ingestion import Recorded
from pytest_nexus.session.pipeline import Pipeline
from pytest_nexus.session.planned import Reused, SessionPlan
from pytest_nexus.session.setup import SessionSetup

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    folder = tmp_path / ".nexus"
    options = Options(
        history=folder / "history.sqlite3",
        journal=folder / "journal",
        ingest=False,
        order="risk",
        base=None,
        model="auto",
        runtime="python",
        dependencies=False,
        select="off",
        select_always=(),
        select_max_age="7d or 20 runs",
        select_shadow=False,
        select_rest="after-failure",
        explain=False,
        shard=None,
        plan=None,
        dist="auto",
        reruns=None,
        rerun_delay_s=None,
        rerun_budget="5%",
        order_dependence="repair",
        otlp=False,
        queue=None,
        queue_run=None,
        queue_job=None,
        queue_expect=None,
        queue_patience_s=1.0,
        queue_lease_s=1.0,
        fail_on_flaky=False,
        quarantine=tmp_path / "nexus-quarantine.toml",
        sources={},
    )
    return Pipeline(SessionSetup(options, tmp_path, {"PATH": ""}))


@pytest.mark.process
def test_header_says_that_nothing_is_known(pipeline: Pipeline) -> None:
    assert header_line(pipeline).startswith("nexus: order risk; no history yet; ")


@pytest.mark.process
def test_each_loss_is_said_once(pipeline: Pipeline) -> None:
    report = TerminalReport(pipeline)
    pipeline.notices.notify("the cat is gone")
    pipeline.notices.notify("the cat is gone")
    assert report.pytest_report_header()[1:] == ["nexus: the cat is gone"]
    assert report.pytest_report_header()[1:] == []


def test_summary_of_nothing_is_empty(pipeline: Pipeline) -> None:
    assert summary_lines(pipeline) == []


def test_summary_does_not_claim_what_no_journal_holds(pipeline: Pipeline) -> None:
    pipeline.timeline.add("a", 1.0, is_bad=False)
    assert summary_lines(pipeline) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.004, "0.00 s"), (9.99, "9.99 s"), (45.2, "45 s"), (119.0, "119 s"), (150.0, "2.5 min")],
)
def test_seconds_are_written_for_people(pipeline: Pipeline, seconds: float, text: str) -> None:
    pipeline.planned = SessionPlan(expected={"a": 0.0})
    pipeline.timeline.add("a", seconds, is_bad=True)
    pipeline.recorded = Recorded("x.jsonl")
    first, second = summary_lines(pipeline)
    assert first.startswith(f"first failure after {text} of tests;")
    assert second == "1 test recorded in x.jsonl"


def test_history_of_this_session_is_counted(pipeline: Pipeline) -> None:
    for nodeid in ("a", "b", "b"):
        pipeline.timeline.add(nodeid, 1.0, is_bad=False)
    pipeline.recorded = Recorded("x.jsonl", 1_200)
    assert summary_lines(pipeline) == ["2 tests recorded; the history now has 1,200 runs"]


def test_tests_left_out_are_counted_with_their_seconds() -> None:
    assert reused_line(Reused()) == []
    assert reused_line(Reused(412, 200.0)) == [
        "412 tests left out (passed with the same code), 3.3 min saved"
    ]
    assert reused_line(Reused(1, 0.5, frozenset("ab"))) == [
        "1 test left out (passed with the same code), 0.50 s saved; 2 more ran as an audit"
    ]


def test_a_failed_audit_names_the_first_test() -> None:
    assert missed_line([]) == []
    (line,) = missed_line(["a.py::test_x", "a.py::test_y"])
    assert line.startswith("failed: audit of a.py::test_x and 1 more: nothing that it uses")
