"""The replay of `affected,confidence:P`: results are reused first, where a run knows the uses."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from pytest_nexus.plan.selection.promise import Cut, n_needed
from pytest_nexus.training.selection.curve import EXPLORED, Realised, combined_curve, realised
from pytest_nexus.training.selection.past_runs import foreseen_runs, wanted_of
from pytest_nexus.training.selection.scored_runs import (
    Foreseen,
    Named,
    ScoredTests,
    foreseen,
    with_reused,
)
from tests.support.builders import attempt, changed, run
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

T, U, V = "t/a.py::t", "t/a.py::u", "t/a.py::v"
BEFORE = {T: ["src/a.py::f=1", "src/a.py"], U: ["src/b.py::g=1"], V: ["src/c.py::h=1", "HOME=1"]}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as opened:
        for number in (1, 2):
            add(opened, number, BEFORE)
        yield opened


def add(
    history: History,
    number: int,
    told: Mapping[str, list[str]],
    failed: str = "",
    path: str = "src/other.py",
    obstacles: Mapping[str, str] | None = None,
) -> None:
    made = run(number)._replace(change=changed(path), started_at=1e9 + number)
    attempts = [
        attempt(key, "failed" if key[-1] in failed else "passed", started_s=float(at))
        for at, key in enumerate((T, U, V))
    ]
    ingest_run(history, made, attempts, uses=session_uses(told, obstacles) if told else None)


def unaffected(history: History) -> set[str] | None:
    """The tests that need not run in the last run, by the runs before it."""
    *_, last = (
        each.unaffected({file.path for file in each.summary.run.change.files})
        for each in history.replayed()
    )
    return None if last is None else {key[-1] for key in last}


def test_a_test_is_unaffected_if_all_that_it_used_is_as_it_was(history):
    add(history, 3, BEFORE | {T: ["src/a.py::f=2", "src/a.py"]})
    assert unaffected(history) == {"u", "v"}


def test_a_variable_and_a_module_count_as_functions_do(history):
    add(history, 3, BEFORE | {T: ["src/a.py::f=1", "src/a.py=c"], V: ["src/c.py::h=1", "HOME=2"]})
    assert unaffected(history) == {"u"}


@pytest.mark.parametrize(("path", "expected"), [("src/a.py", "uv"), ("src/z.py", "tuv")])
def test_what_the_run_did_not_record_is_changed_if_its_file_is(history, path, expected):
    add(history, 3, BEFORE | {T: []}, path=path)
    assert unaffected(history) == set(expected)


def test_a_failure_with_the_same_uses_forgets_them(history):
    add(history, 3, BEFORE, failed="t")
    assert unaffected(history) == {"t", "u", "v"}, "known before the run, it fails nevertheless"
    add(history, 4, BEFORE)
    assert unaffected(history) == {"u", "v"}


def test_a_test_with_an_obstacle_is_never_unaffected(tmp_path):
    with open_history(tmp_path / "other.sqlite3") as opened:
        for number in (1, 2):
            add(opened, number, BEFORE, obstacles={T: "it opens a network connection"})
        assert unaffected(opened) == {"u", "v"}


def test_an_untracked_run_knows_nothing(history):
    add(history, 3, {})
    assert unaffected(history) is None


def test_a_replay_knows_the_same_run_with_and_without_reuse(history):
    add(history, 3, BEFORE | {T: ["src/a.py::f=2", "src/a.py"]}, failed="t")
    *_, last = foreseen_runs(history, wanted_of(history))
    assert last.combined is not None
    assert max(last.gaps) < inf
    assert list(last.combined.gaps)[1:] == [inf, inf]
    assert last.combined.failed == last.failed
    assert last.combined.total_s == last.total_s


def scored(at: int, bad: int | None, reused: str) -> Foreseen:
    """A run of three tests of 1, 2 and 4 seconds with gaps 0, 1 and 2."""
    failed = [place == bad for place in range(3)]
    tests = ScoredTests([0.0, 1.0, 2.0], [False] * 3, failed, [1.0, 2.0, 4.0])
    named = Named(f"{at}", float(at))
    return with_reused(foreseen(named, *tests), [str(place) in reused for place in range(3)], tests)


def test_tests_that_run_in_any_case_are_not_reused():
    tests = ScoredTests([3.0], [True], [False], [1.0])
    combined = with_reused(foreseen(Named("a", 1.0), *tests), [True], tests).combined
    assert combined is not None
    assert (list(combined.gaps), combined.reused_s) == ([0.0], 0.0)


@pytest.mark.parametrize(
    ("bad", "reused", "cut", "saved_s", "n_caught"),
    [
        (None, "2", 0.0, 6.0, 0),
        (None, "0", 1.0, 5.0, 0),
        (0, "2", 0.0, 4.0, 1),
        (0, "0", 1.0, 5.0, 0),
        (0, "0", inf, 1.0, 0),
    ],
    ids=["passes", "the likeliest is reused", "caught", "missed", "no cut lets it run"],
)
def test_what_is_saved_and_caught_with_reuse(bad, reused, cut, saved_s, n_caught):
    one = _applied(scored(1, bad, reused), cut)
    assert one.saved_s == pytest.approx((1 - EXPLORED) * saved_s)
    assert one.n_caught == n_caught


def _applied(run: Foreseen, gap: float) -> Realised:
    """The run with a cut that earlier failing runs of this gap give."""
    n_before = n_needed(0.9) * 3
    before = [scored(at, 0, "")._replace(failed=(gap,)) for at in range(-n_before, 0)]
    (one,) = realised([run], 0.9, [each.evidence for each in before], is_combined=True)
    assert isinstance(one.cut, Cut)
    return one


def test_the_cut_is_chosen_on_the_runs_without_reuse():
    runs = [scored(at, 1, "1") for at in range(30)]
    plain, both = realised(runs, 0.9)[-1], realised(runs, 0.9, is_combined=True)[-1]
    assert both.cut == plain.cut
    assert (plain.n_caught, both.n_caught) == (1, 0), "a failure without a change is missed"


def test_without_tracked_runs_there_is_no_curve():
    runs = [scored(at, 0, "")._replace(combined=None) for at in range(30)]
    assert combined_curve(runs) == []
    (first, *_) = combined_curve([*runs[:-1], scored(30, None, "2")])
    assert first.saved_passing is not None
    assert first.saved_passing.share == pytest.approx((1 - EXPLORED) * 6 / 7)
