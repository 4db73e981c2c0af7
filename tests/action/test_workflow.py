"""The workflow that `nexus init` writes, run step by step as GitHub runs it."""

from __future__ import annotations

import json

import pytest

from tests.action.toy import Toy
from tests.support.github_server import GitHubServer

pytestmark = pytest.mark.posix("steps run in bash on Linux")

BROKEN = {"shop/prices.py": "def with_tax(price):\n    return price * 0.25\n"}


@pytest.mark.slow
def test_workflow_of_init_runs_green_in_a_repository_with_tests(toy):
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


@pytest.mark.slow
def test_workflow_of_init_runs_green_in_an_empty_repository(tmp_path):
    with GitHubServer() as server:
        toy = Toy(tmp_path, server, {})
        assert toy.init().splitlines() == [
            ".github/workflows/tests.yml: written",
            "pytest.ini: written",
            "tests/test_first.py: written",
        ]
        run = toy.push()
        assert run.conclusion == "success", run.log
        assert run.jobs["report"].summary.startswith("## ✅ 1 passed in ")
        (toy.origin.root / "tests" / "test_first.py").unlink()
        toy.commit({})
        empty = toy.push()
        assert empty.conclusion == "failure"
        assert empty.jobs["report"].summary.startswith("## ❌ No test ran in ")


@pytest.mark.slow
def test_merge_queue_knows_the_failures_of_the_branch_it_merges_into(toy):
    toy.init()
    toy.commit(BROKEN)
    toy.push()
    toy.commit({"docs.md": "x\n"}, "docs")
    run = toy.queue("docs")
    assert list(run.jobs) == ["plan", "test (1, 1)", "report"]
    assert run.jobs["report"].summary.startswith("## ❌ 1 known failure, 9 passed in ")
    assert "1 file changed since" in run.jobs["test (1, 1)"].log
    assert toy.comments == {}


@pytest.mark.slow
def test_station_keeps_the_dashboard_and_publishes_it_where_that_is_asked_for(toy):
    toy.init()
    first = toy.push()
    assert "pages" not in first.jobs
    assert "/artifacts/" in first.jobs["station"].summary
    assert not toy.github.site.exists()
    names = toy.github.artifacts.by_run[first.run_id]
    assert f"nexus-dashboard-{first.run_id}.tests" in names
    workflow = toy.origin.root / ".github" / "workflows" / "tests.yml"
    granted = workflow.read_text().replace(
        "pull-requests: write}", "pull-requests: write, pages: write, id-token: write}"
    )
    toy.commit({".github/workflows/tests.yml": f"{granted.rstrip()}\n    with: {{pages: true}}\n"})
    run = toy.push()
    assert run.conclusion == "success", run.log
    assert run.jobs["pages"].summary == (
        "[Dashboard of the test suite](https://octo.github.io/repo/)\n"
    )
    page = (toy.github.site / "index.html").read_text("utf-8")
    assert "test_prices.py" in page


@pytest.mark.slow
def test_tests_run_where_the_grid_is_clean_and_a_training_may_wait(toy):
    toy.init()
    runners = {
        "eu-west": {"runs-on": "west", "zone": "NL"},
        "eu-north": {"runs-on": "north", "zone": "SE"},
        "us-east": {"runs-on": "east", "zone": "IS"},
    }
    given = f"with: {{green: true, zone: SE, allow: 'eu-*', runner-map: '{json.dumps(runners)}'}}"
    run = toy.push(f"{toy.workflow.rstrip()}\n    {given}\n")
    assert run.conclusion == "success", run.log
    assert run.jobs["plan"].outputs["runs-on"] == "north"
    assert "not due: " in run.jobs["station"].log


@pytest.mark.slow
def test_a_map_without_a_usable_region_leaves_the_tests_where_they_are(toy):
    toy.init()
    run = toy.push(f"{toy.workflow.rstrip()}\n    with: {{runner-map: 'nothing'}}\n")
    assert run.conclusion == "success", run.log
    assert not run.jobs["plan"].outputs["runs-on"]
    assert any("No region was chosen" in one for one in run.jobs["plan"].annotations)


@pytest.mark.slow
def test_pull_request_draws_and_publishes_nothing(toy):
    toy.init()
    toy.commit({"docs.md": "x\n"}, "docs")
    run = toy.request("docs")
    assert set(run.jobs) == {"plan", "test (1, 1)", "report"}
    assert not [one for one in toy.github.artifacts.by_run[run.run_id] if "dashboard" in one]
