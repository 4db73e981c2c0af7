"""What Prometheus reads, by its own tool where that is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_nexus.journal.sessions import Session
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.monitoring.prometheus import prometheus
from tests.support.builders import attempt, failure, run
from tests.support.project import REPOSITORY

PROMTOOL = shutil.which("promtool") or shutil.which(REPOSITORY / ".ci" / "bin" / "promtool")
HOSTILE = 'a.py::t["\\ \n{le="1"}]'


def text(*attempts: object, exit_status: int = 1) -> str:
    made = run(1)._replace(duration_s=42.0, exit_status=exit_status)
    sessions = [Session("1.jsonl", made, attempts, frozenset(), None)]  # type: ignore[arg-type] # attempts
    return prometheus(summarise(sessions, (), Known()), sessions)


TEXT = text(
    attempt("a.py::x", call_s=0.02),
    attempt("a.py::y", call_s=7.0),
    attempt("a.py::z", "failed", failure=failure()),
    attempt(HOSTILE, "failed", failure=failure()._replace(exception=HOSTILE)),
)


def test_lines_are_samples_with_help_and_type() -> None:
    lines = TEXT.splitlines()
    label = r'[a-z_]+="(?:[^"\\]|\\.)*"'
    sample = re.compile(rf"[a-z_]+(\{{{label}(,{label})*\}})? [0-9.e+-]+")
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    for line in lines:
        if not line.startswith("#"):
            assert sample.fullmatch(line), line
            name = re.split(r"[{ ]", line)[0]
            assert name in names or re.sub("_(bucket|sum|count)$", "", name) in names
    assert 'pytest_nexus_tests{status="failed"} 2' in lines
    assert "pytest_nexus_proven 1" in lines


def test_a_histogram_counts_all_values_up_to_each_bound() -> None:
    start = 'pytest_nexus_test_duration_seconds_bucket{cicd_pipeline_name="pytest",'
    passed = 'pytest_nexus_test_status="passed",test_case_result_status="pass",'
    found = {
        bound: int(count)
        for bound, count in re.findall(re.escape(start + passed) + r'le="([^"]+)"\} (\d+)', TEXT)
    }
    assert [found[one] for one in ("0.01", "0.025", "5", "10", "60", "+Inf")] == [0, 1, 1, 2, 2, 2]
    run_s = 'cicd_pipeline_run_duration_seconds_sum{cicd_pipeline_name="pytest",'
    assert f'{run_s}cicd_pipeline_run_state="executing",cicd_pipeline_result="failure"}} 42' in TEXT


def test_counters_end_in_total() -> None:
    assert 'pytest_nexus_attempt_count_total{cicd_pipeline_name="pytest",' in TEXT
    assert 'error_type="AssertionError"} 1' in TEXT


def test_a_run_without_sessions_has_its_gauges() -> None:
    empty = prometheus(summarise([], (), Known()), [])
    assert "pytest_nexus_tests_seconds 0" in empty
    assert "_bucket" not in empty


@pytest.mark.process
@pytest.mark.parametrize("given", [TEXT, text(exit_status=5)], ids=["failures", "no test"])
def test_promtool_finds_nothing_to_say(given: str) -> None:
    if PROMTOOL is None:
        if os.environ.get("CI") == "true" and Path("/usr/bin/apt-get").exists():
            pytest.fail("promtool is missing; .ci/promtool.sh fetches it")
        pytest.skip("promtool is not installed; .ci/promtool.sh fetches it")
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=given, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_grafana_asks_for_metrics_and_labels_that_there_are() -> None:
    board = json.loads((REPOSITORY / "docs" / "how-to" / "grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    samples = [line for line in TEXT.splitlines() if not line.startswith("#")]
    metrics = {re.split(r"[{ ]", line)[0] for line in samples}
    labels = {name for line in samples for name in re.findall(r'([a-z_]+)="', line)}
    named = set(re.findall(r"\b(?:cicd|pytest_nexus)_[a-z_]+|\berror_type\b|\bstatus\b", asked))
    assert named <= metrics | labels
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) == 10
