"""The facts of a dashboard: equal to what the commands print, and safe with any history."""

from __future__ import annotations

import itertools
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.cli.main import main
from pytest_nexus.errors import NexusError
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.plan.quarantine.file import Quarantine, QuarantineEntry
from pytest_nexus.report.facts.collect_facts import DashboardFacts, collect_facts
from tests.support.damage import KEYS, change_cells, copy, flip_bytes, make_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TODAY = date(2026, 3, 1)


def facts_of(path: Path, runs: int = 500, quarantine: Quarantine | None = None) -> DashboardFacts:
    history = read_history(path)
    assert history is not None
    with history:
        return collect_facts(history, runs=runs, quarantine=quarantine, today=TODAY)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_history(tmp_path_factory.mktemp("facts") / "history.sqlite3")


@pytest.fixture(scope="module")
def facts(path: Path) -> DashboardFacts:
    return facts_of(path)


@pytest.fixture
def said(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Return what a command prints as JSON about the same history."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", str(path))

    def run(*words: str) -> Any:
        main([*words, "--json"])
        return json.loads(capsys.readouterr().out)

    return run


def test_runs_are_those_of_history_show(facts: DashboardFacts, said: Callable[..., Any]) -> None:
    runs = said("history", "show", "--limit", "1000")
    assert facts.n_runs == facts.n_all_runs == len(runs)
    assert facts.newest_at == runs[0]["run"]["started_at"]
    assert facts.oldest_at == runs[-1]["run"]["started_at"]
    days = facts.suite.days
    assert sum(day.n_runs for day in days) == len(runs)
    assert sum(day.n_failed_runs for day in days) == sum(run["n_failed"] > 0 for run in runs)
    assert sum(day.wall_s for day in days) == sum(run["run"]["duration_s"] for run in runs)
    assert facts.machines.n_reruns == sum(run["n_reruns"] for run in runs)
    assert sum(week.n_runs for week in facts.now.weeks) == len(runs)
    for branch in facts.now.branches:
        own = [run for run in runs if run["run"]["change"]["branch"] == branch.branch]
        assert branch.commit == own[0]["run"]["change"]["commit"]
        assert (branch.n_tests, branch.n_failed) == (own[0]["n_tests"], own[0]["n_failed"])
        assert branch.verdict == ("failed" if own[0]["run"]["exit_status"] else "passed")
        assert len(branch.recent) == min(20, len(own))


def test_flaky_tests_are_those_of_flaky(facts: DashboardFacts, said: Callable[..., Any]) -> None:
    printed = said("flaky", "--all")
    assert printed
    found = facts.flaky.tests
    assert [one.key for one in found] == [each["key"] for each in printed]
    for one, each in zip(found, printed, strict=True):
        rate, cost = each["rate"], each["cost"]
        assert (one.status, one.reason, one.flakes) == (
            each["status"], each["reason"], each["flakes"]
        )  # fmt: skip
        assert (one.rate, one.low, one.high) == (rate["mean"], rate["low"], rate["high"])
        assert one.cost_s == pytest.approx(cost["seconds"])
        assert (one.reruns, one.red_builds) == (cost["reruns"], cost["red_builds"])
        assert (one.passes, one.passes_needed) == (each["passes"], each["passes_needed"])
    assert dict(facts.flaky.counts)["flaky"] == sum(p["status"] == "flaky" for p in printed)
    clusters = sum(cluster["count"] for each in printed for cluster in each["clusters"])
    assert sum(cluster.count for cluster in facts.flaky.clusters) == clusters
    weekly = sum(week.flaky_s for week in facts.now.weeks)
    assert weekly == pytest.approx(
        sum(p["cost"]["seconds"] for p in printed if p["status"] != "order-dependent")
    )


def test_models_are_those_of_model_list(facts: DashboardFacts, said: Callable[..., Any]) -> None:
    printed = said("model", "list")
    assert [(one.version, one.alias) for one in facts.model.versions] == [
        (each["version"], each["alias"]) for each in printed
    ]
    assert facts.model.versions[-1].apfdc == printed[-1]["apfdc"]
    history = said("model", "history")[1:]
    assert [one.version for one in facts.model.deployments] == [each["version"] for each in history]
    weights = said("model", "show")["weights"]
    assert {one.term: one.weight for one in facts.model.weights} == weights


def test_the_student_of_the_deployed_model_is_that_of_its_training(tmp_path: Path) -> None:
    document = dump(Model({"record": 1.0}))
    name = version(document)
    lineage = {"student": "4x8", "teacher": "7ab3c0de19f24a55"}
    metrics = {"apfdc": 0.9, "teacher_comparisons": 200.0, "student_comparisons": 17.0}
    with open_history(tmp_path / "h.sqlite3") as history:
        history.models.add(
            Version(name, None, 1.0, document, json.dumps(lineage), json.dumps(metrics))
        )
        history.models.set_alias("champion", name, 2.0)
    found = facts_of(tmp_path / "h.sqlite3").model.distillation
    assert found is not None
    assert (found.student, found.teacher) == ("4x8", "7ab3c0de19f24a55")
    assert found.figures == (("teacher_comparisons", 200.0), ("student_comparisons", 17.0))


def test_drift_is_that_of_model_check(facts: DashboardFacts, said: Callable[..., Any]) -> None:
    printed = said("model", "check")
    drift = facts.model.drift
    assert drift.is_drifting == printed["drifts"]
    assert [one._asdict() for one in drift.findings] == printed["findings"]
    assert (drift.advice, drift.note) == (printed["advice"], printed["note"])
    assert [one.feature for one in drift.features] == [f["feature"] for f in printed["features"]]
    assert [one._asdict() for one in drift.cells] == printed["cells"]


@pytest.mark.process
def test_ranks_are_those_of_explain(facts: DashboardFacts, said: Callable[..., Any]) -> None:
    for row in facts.suite.tests:
        (printed,) = said("explain", row.key)
        assert row.rank == printed["rank"]
        assert row.p_fail == pytest.approx(
            printed.get("score", printed.get("probability")), rel=0.5
        )
        assert row.seconds == pytest.approx(printed["duration_s"])


def test_failures_are_those_of_the_history(path: Path, facts: DashboardFacts) -> None:
    with open_history(path) as history:
        failing = history.failing()
        seconds = {run.run.run_uid: 0.0 for run in history.runs()}
        reruns_s = 0.0
        for uid in seconds:
            for attempt in history.attempts(uid):
                seconds[uid] += attempt.duration_s
                reruns_s += attempt.duration_s if attempt.number > 1 else 0.0
    found = [(one.key, one.branch, one.since, one.n_runs) for one in facts.now.new_failures]
    assert sorted(found) == [(one.key, one.branch, one.started_at, one.runs) for one in failing]
    assert facts.now.n_failing == len(failing) > 0
    assert facts.machines.tests_s == pytest.approx(sum(seconds.values()))
    assert facts.machines.rerun_s == pytest.approx(reruns_s)
    assert facts.now.new_failures[0].suspects == ("src/a.py", "src/b.py")


def test_strips_and_turns_are_the_outcomes_of_each_run(path: Path, facts: DashboardFacts) -> None:
    with open_history(path) as history:
        for row in facts.suite.tests:
            cells: dict[str, str] = {}
            for uid, attempt in history.attempts_of(row.key):
                cell = "F" if attempt.outcome == "failed" else "."
                cells[uid] = "R" if attempt.number > 1 and cell == "." else cell
            assert row.strip == "".join(cells.values())[-50:]
    (detail,) = [one for one in facts.suite.details if one.key == KEYS[0]]
    (row,) = [one for one in facts.suite.tests if one.key == KEYS[0]]
    bad = [cell in "FER" for cell in row.strip]
    assert len(detail.turns) == sum(a != b for a, b in itertools.pairwise(bad))
    assert detail.signatures[0].n_runs == row.failures
    assert detail.signatures[0].exception == "AssertionError"
    assert len(row.times) == len(row.strip)


def test_quality_is_that_of_the_runs(path: Path, facts: DashboardFacts) -> None:
    with open_history(path) as history:
        stored = history.quality.read()
    assert [one.run_uid for one in facts.model.quality] == [each.run_uid for each in stored]
    assert facts.model.mean_apfdc == pytest.approx(0.9)
    assert facts.model.best_simple == "fastest first"
    first, second = facts.model.reliability
    assert (first.n_tests, second.n_tests) == (5 * len(stored), len(stored))
    assert second.failed == 1.0
    assert [point.caught for point in facts.selection.curve] == [1.0] * 4


def test_the_time_line_has_all_tests_of_the_newest_build(facts: DashboardFacts) -> None:
    gantt = facts.machines.gantt
    assert gantt is not None
    assert gantt.build == "24"
    assert sum(bar.n_tests for lane in gantt.lanes for bar in lane.bars) >= len(KEYS)
    assert gantt.lower_bound_s <= gantt.wall_s
    assert 0 <= gantt.idle_share <= 1


def test_only_the_newest_runs_are_read(path: Path, facts: DashboardFacts) -> None:
    few = facts_of(path, runs=3)
    assert (few.n_runs, few.n_all_runs) == (3, facts.n_all_runs)
    assert max(len(row.strip) for row in few.suite.tests) == 3
    assert len(few.model.quality) == 3
    assert few.flaky.tests == facts.flaky.tests, "flakiness counts all runs, as the command does"


def test_entries_of_the_quarantine_are_counted_down(path: Path) -> None:
    entries = [
        QuarantineEntry(KEYS[0], "a port", "@net", date(2026, 2, 1), date(2026, 2, 27)),
        QuarantineEntry("t/test_b.py", "a file", "@db", date(2026, 2, 1)),
        QuarantineEntry(
            "t/gone.py::x", "gone", "", date(2026, 2, 1), date(2026, 3, 11), "http://i"
        ),
    ]
    found = facts_of(path, quarantine=Quarantine(entries))
    assert [(one.id, one.days_left, one.n_tests) for one in found.flaky.quarantine] == [
        (KEYS[0], -2, 1), ("t/gone.py::x", 10, 0), ("t/test_b.py", None, 1)
    ]  # fmt: skip
    rows = {row.key: row.is_quarantined for row in found.suite.tests}
    assert [key for key in KEYS if rows[key]] == KEYS[:2]
    owners = {one.key: one.owner for one in found.flaky.tests}
    assert owners[KEYS[0]] == "@net"


def test_a_slim_copy_and_an_empty_history_have_facts(tmp_path: Path) -> None:
    slim = facts_of(make_history(tmp_path / "slim.sqlite3", slim=True))
    assert slim.is_slim
    assert {row.strip for row in slim.suite.tests} == {""}
    assert slim.model.mean_apfdc == pytest.approx(0.9)
    assert slim.now.n_failing > 0
    with open_history(tmp_path / "empty.sqlite3"):
        pass
    empty = facts_of(tmp_path / "empty.sqlite3")
    assert (empty.newest_at, empty.suite.tests, empty.machines.gantt) == (None, (), None)
    assert empty.model.note
    assert empty.selection.note
    json.dumps(empty.as_json(), allow_nan=False)


@pytest.mark.parametrize("damage", [change_cells, flip_bytes])
def test_a_damaged_history_has_facts_or_one_error(
    tmp_path: Path, damage: Callable[[Path, int], str]
) -> None:
    sound, path = tmp_path / "sound.sqlite3", tmp_path / "damaged.sqlite3"
    make_history(sound)
    refused = 0
    for seed in range(25):
        copy(sound, path)
        what = damage(path, seed)
        try:
            _collected(path)
        except NexusError:
            refused += 1
        except Exception as error:
            raise AssertionError(what) from error
    assert refused


def _collected(path: Path) -> None:
    history = read_history(path)
    if history is not None:
        with history:
            found = collect_facts(history, today=TODAY)
        json.dumps(found.as_json(), allow_nan=False)
