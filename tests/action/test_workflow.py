"""The workflow that `nexus init` writes, run step by step as GitHub runs it."""

from __future__ import annotations

import pytest

BROKEN = {"shop/prices.py": "def with_tax(price):\n    return price * 0.25\n"}


@pytest.mark.slow
def test_workflow_of_init_runs_green_in_a_repository_without_anything(toy):
    said = toy.init()
    assert said.splitlines() == [
        ".github/workflows/tests.yml: written",
        "pytest.ini: written",
    ]
    run = toy.push()
    assert run.conclusion == "success", run.log
    assert list(run.jobs) == ["plan", "test (1, 1)", "report", "station"]
    assert "1 shard, 10 tests collected, each ran exactly once" in run.jobs["report"].log
    assert run.jobs["report"].summary.startswith("## ✅ 10 passed in ")
    with toy.history() as history:
        assert (history.count_runs(), history.count_tests()) == (1, 10)
