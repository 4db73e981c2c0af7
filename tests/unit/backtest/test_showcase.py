from __future__ import annotations

import json

import pytest

from pytest_nexus.backtest.showcase import first_failure
from pytest_nexus.errors import NexusError


def journal(folder, outcomes):
    """Write a journal in which each test starts 1 s after the last and calls for half of it."""
    lines = [{"kind": "run", "schema": 1, "run_uid": "a" * 32, "started_at": 1.0}]
    for at, outcome in reversed(list(enumerate(outcomes, 2))):
        call = [outcome, 0.5]
        lines.append({"kind": "attempt", "nodeid": f"t.py::x{at}", "at": float(at), "call": call})
    path = folder / "run.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_first_failure_is_found_in_the_order_of_execution(tmp_path) -> None:
    seen = first_failure(journal(tmp_path, ["passed", "failed", "failed", "passed"]))
    assert (seen.nodeid, seen.position, seen.n_tests) == ("t.py::x3", 2, 4)
    assert (seen.seconds, seen.total_s) == (pytest.approx(1.5), pytest.approx(3.5))


def test_run_without_the_planted_failure_is_an_error(tmp_path) -> None:
    with pytest.raises(NexusError, match=r"run\.jsonl.*\[NX156\]"):
        first_failure(journal(tmp_path, ["passed"]))
