"""What failed last on a branch, as a session reads it and as the trainer replays it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.domain.evidence import Streaks
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.queries.streaks import BRANCH_RUNS, Branch
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.training.dataset import lessons_of
from tests.support.builders import attempt, run
from tests.support.examples import scaled

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Outcome
    from pytest_nexus.history.store import History

X, Y = "tests/test_a.py::test_x", "tests/test_a.py::test_y"
MANY = [f"tests/test_b.py::test_{n}" for n in range(60)]


def on(history: History, number: int, branch: str | None, *bad: str, skipped: str = "") -> None:
    """Add a run of X and Y on a branch."""
    outcomes: dict[str, Outcome] = {
        key: "skipped" if key == skipped else "failed" if key in bad else "passed" for key in (X, Y)
    }
    attempts = [attempt(key, outcome) for key, outcome in outcomes.items()]
    one = run(number)
    ingest_run(history, one._replace(change=one.change._replace(branch=branch)), attempts)


def test_failures_count_on_the_branch_where_they_were(path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, "main", Y)
        on(history, 2, "fix", X)
        on(history, 3, "main")
        on(history, 4, "fix", X, skipped=Y)
        on(history, 5, "other", X, Y)
        assert history.streaks("fix", None) == Streaks({X: 2}, {})
        assert history.streaks("other", "fix") == Streaks({X: 1, Y: 1}, {X: 2})


def test_branch_without_a_run_is_not_known(path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, None, X)
        assert history.streaks("fix", None) == Streaks(None, None)
        assert history.streaks(None, "trunk") == Streaks(None, None)
        on(history, 2, "master", X)
        assert history.streaks(None, None) == Streaks(None, {X: 1})


def test_a_skip_says_nothing_and_a_pass_ends_a_streak(path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, "main", X, Y)
        on(history, 2, "main", Y, skipped=X)
        assert history.streaks("main", None).here == {X: 1, Y: 2}
        on(history, 3, "main", X)
        assert history.streaks("main", None).here == {X: 2}


def test_a_test_that_no_longer_runs_is_forgotten(path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, "main", X)
        for number in range(2, BRANCH_RUNS + 2):
            assert history.streaks("main", None).here == {X: 1}
            on(history, number, "main", skipped=X)
        assert history.streaks("main", None).here == {}


def test_a_mass_failure_ends_and_begins_nothing(path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, "main", X)
        one = run(2)
        mass = [attempt(key, "failed") for key in (Y, *MANY)]
        ingest_run(history, one._replace(change=one.change._replace(branch="main")), mass)
        assert history.streaks("main", None).here == {X: 1}


def test_a_test_that_passed_in_a_rerun_did_not_fail(path: Path, tmp_path: Path) -> None:
    attempts = [attempt(X, "failed"), attempt(X, "passed", number=2), attempt(Y, "failed")]
    with open_history(path) as history:
        one = run(1)
        ingest_run(history, one._replace(change=one.change._replace(branch="main")), attempts)
        assert history.streaks("main", None).here == {Y: 1}
        history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert slim.streaks("main", None).here == {Y: 1}


def test_a_slim_copy_knows_them_too(path: Path, tmp_path: Path) -> None:
    with open_history(path) as history:
        on(history, 1, "main")
        on(history, 2, "fix", X)
        on(history, 3, "fix", X)
        history.export(tmp_path / "slim.sqlite3", slim=True)
        whole = history.streaks("fix", None)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert slim.streaks("fix", None) == whole == Streaks({X: 2}, {})


@pytest.mark.parametrize("n_skipped", [0, 1, BRANCH_RUNS // 2, BRANCH_RUNS - 1])
def test_the_trainer_counts_as_many_failures_of_a_long_streak_as_a_session(
    path: Path, n_skipped: int
) -> None:
    """The runs in which a failing test is skipped push its older failures out of sight."""
    branch = Branch()
    with open_history(path) as history:
        for number in range(1, BRANCH_RUNS + 1 + n_skipped):
            is_skipped = number > BRANCH_RUNS
            on(history, number, "main", X, skipped=X if is_skipped else "")
            branch.add([(Y, False)] if is_skipped else [(X, True), (Y, False)])
        assert history.streaks("main", None).here == {X: BRANCH_RUNS - n_skipped}
    assert branch.streaks() == {X: BRANCH_RUNS - n_skipped}


RUNS = st.lists(
    st.tuples(st.sampled_from(["main", "fix", None]), st.booleans(), st.booleans()),
    min_size=2,
    max_size=8,
)


@given(runs=RUNS)
@settings(max_examples=scaled(25), deadline=None)
def test_the_trainer_sees_what_a_session_saw(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str | None, bool, bool]]
) -> None:
    seen = []
    with open_history(tmp_path_factory.mktemp("h") / "history.sqlite3") as history:
        for number, (branch, *bad) in enumerate(runs, 1):
            here, base = history.streaks(branch, None)
            if any(bad):
                seen += [
                    [float(-1 if known is None else known.get(key, 0)) for known in (here, base)]
                    for key in (X, Y)
                ]
            on(
                history,
                number,
                branch,
                *[key for key, failed in zip((X, Y), bad, strict=True) if failed],
            )
        cases = lessons_of(history).cases
    columns = NAMES.index("branch_streak"), NAMES.index("base_streak")
    replayed = [[row[at] for at in columns] for case in cases for row in case.rows()]
    assert replayed == seen


def test_a_streak_grows_by_failures_and_ends_by_a_pass() -> None:
    branch = Branch()
    branch.add([("t", True), ("u", True), ("v", False)])
    branch.add([("t", True), ("u", False)])
    assert branch.streaks() == {"t": 2}
    branch.add([("u", True)])
    assert branch.streaks() == {"t": 2, "u": 1}
    branch.add([("t", True), ("u", True)])
    assert branch.streaks() == {"t": 3, "u": 2}


def test_a_streak_lasts_as_long_as_its_last_failure_is_recent() -> None:
    branch = Branch()
    for failed in [True] + [False] * (BRANCH_RUNS - 1):
        branch.add([("t", True)] if failed else [("u", False)])
    assert branch.streaks() == {"t": 1}
    branch.add([("u", False)])
    assert branch.streaks() == {}


def test_a_streak_is_no_longer_than_what_is_looked_at() -> None:
    branch = Branch()
    for _ in range(BRANCH_RUNS + 5):
        branch.add([("t", True)])
    assert branch.streaks() == {"t": BRANCH_RUNS}
