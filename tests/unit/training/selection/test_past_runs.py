"""Past runs as a selection saw them, from a history."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import History, open_history
from pytest_nexus.plan.selection.promise import n_needed
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.rest import AFTER_FAILURE
from pytest_nexus.training.selection.past_runs import foreseen_runs, wanted_of
from pytest_nexus.training.selection.stored_promise import is_due, renew
from tests.support.builders import attempt, changed, one_failing, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

N = 8


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """Every second run fails, each time in another test."""
    with open_history(tmp_path / "history.sqlite3") as opened:
        for number in range(1, 31):
            add(opened, number)
        yield opened


def add(history: History, number: int, selection: RunSelection | None = None) -> None:
    tests = one_failing(N, number % N) if number % 2 else one_failing(N, -1)
    made = run(number, 1000.0 * number)._replace(change=changed(f"src/m{number % 3}.py"))
    ingest_run(history, made, tests, selection=selection)


def replayed(history: History) -> dict[int, object]:
    return {int(each.run_uid, 16): each for each in foreseen_runs(history, wanted_of(history))}


def test_failing_runs_and_a_sample_of_the_others_are_wanted(history):
    wanted = wanted_of(history, n_failing=5, n_passing=2)
    assert len(wanted.failing) == 5
    assert f"{29:032x}" in wanted.failing
    assert len(wanted.passing) == 2
    assert wanted.n_passing == 5, "passing runs since the first of the five"


def test_each_run_is_scored_by_what_was_known_before_it(history):
    before = replayed(history)
    add(history, 31)
    add(history, 33)
    after = replayed(history)
    assert after.keys() - before.keys() == {31, 33}
    assert {uid: after[uid].gaps for uid in before} == {uid: before[uid].gaps for uid in before}


def test_new_tests_and_tests_that_failed_last_always_run(history):
    assert list(replayed(history)[1].gaps) == [0.0] * N
    again = one_failing(N, 29 % N)
    for number in (31, 32):
        ingest_run(history, run(number, 1000.0 * number), again)
    last = replayed(history)[32]
    assert last.failed == (0.0,)
    assert max(last.gaps) > 0.0


def test_a_failure_that_was_unlikely_has_a_gap(history):
    later = [each for uid, each in replayed(history).items() if each.failed and uid > 16]
    assert all(0.0 <= gap < inf for each in later for gap in each.failed)
    assert any(gap > 0.0 for each in later for gap in each.failed)


def test_a_run_that_left_tests_out_is_no_evidence(history):
    selection = RunSelection("on", "confidence:90%", 0.9, 1.0, 3, 1.0)
    add(history, 31, selection)
    add(history, 33, selection._replace(mode="shadow"))
    assert replayed(history).keys() & {31, 33} == {33}


def test_a_run_with_its_rest_is_no_evidence_because_only_caught_runs_have_one(history):
    with_rest = RunSelection("on", "confidence:90%", 0.9, 1.0, 0, 0.0, why=AFTER_FAILURE)
    add(history, 31, with_rest)
    too_little = with_rest._replace(gap=None, why="needs 10 failing runs")
    add(history, 33, too_little)
    assert replayed(history).keys() & {31, 33} == {33}


def test_each_run_is_scored_by_the_model_of_its_time(history):
    plain = replayed(history)
    document = dump(Model({"record": 9.0}, slope=3.0))
    history.models.add(Version(version(document), None, 1.0, document, "{}", "{}"))
    history.models.set_alias("champion", version(document), 20_500.0)
    own = replayed(history)
    others = [uid for uid in own if own[uid].gaps != plain[uid].gaps]
    assert others
    assert min(others) > 20


def test_a_model_that_cannot_be_used_is_replaced_by_the_shipped_one(history):
    plain = replayed(history)
    history.models.add(Version("0" * 16, None, 1.0, "{}", "{}", "{}"))
    history.models.set_alias("champion", "0" * 16, 0.0)
    assert replayed(history) == plain


def test_the_evidence_is_stored_with_cuts_and_renewed_after_a_week(history):
    assert is_due(history, 40_000.0)
    cuts = renew(history, 40_000.0)
    assert history.selection.cuts() == cuts
    assert [cut.gap is None for cut in cuts] == [n_needed(cut.confidence) > 15 for cut in cuts]
    assert len(history.selection.evidence(50_000.0)) == 15
    assert not is_due(history, 50_000.0)
    assert is_due(history, 40_000.0 + 8 * 86_400)


def test_too_few_failing_runs_are_not_due(tmp_path):
    with open_history(tmp_path / "h.sqlite3") as few:
        for number in range(1, 10):
            add(few, number)
        assert not is_due(few, 40_000.0)


def test_progress_counts_all_runs(history):
    said: list[tuple[int, int]] = []
    list(foreseen_runs(history, wanted_of(history), progress=lambda *each: said.append(each)))
    assert said[-1] == (30, 30)


def test_a_flaky_failure_is_none(history):
    flaky = [*one_failing(N, 1), attempt("t/test_1.py::test_it", number=2, started_s=99.0)]
    ingest_run(history, run(32, 32_000.0), flaky)
    assert [uid for uid, each in replayed(history).items() if each.failed and uid > 30] == []
