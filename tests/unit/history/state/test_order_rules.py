"""Rules of order-dependent tests, derived from the attempts of runs."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import ALONE, FRESH, ChangedFile, TestKey
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.sqlite.selection_tables import TABLES_OF_SELECTION
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from pytest_nexus.training.dataset import lessons_of
from tests.support.builders import attempt, run
from tests.support.histories import make_version_9

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.history.exchange.merge import Candidate
    from pytest_nexus.history.store import History

BRITTLE = TestKey("tests/test_a.py::test_3")
SETTER = TestKey("tests/test_a.py::test_1")
FILE = [f"tests/test_a.py::test_{number}" for number in range(5)]
REST = [f"tests/test_b.py::test_{number}" for number in range(20)]
COLLECTED = [*FILE, *REST]
FIRST = [BRITTLE, *(nodeid for nodeid in COLLECTED if nodeid != BRITTLE)]


@pytest.fixture
def history(tmp_path: Path) -> Iterable[History]:
    with open_history(tmp_path / "h.sqlite3") as opened:
        yield opened


def session(
    uid: int,
    order: Sequence[str],
    *,
    worker: str | None = None,
    changed: str = "src/app.py",
    probed: int = 0,
    **fields: object,
) -> tuple[Run, list[Attempt]]:
    """A run in which the brittle test fails before its setter, and is repeated at the end."""
    attempts = []
    seen: set[str] = set()
    clock = 0.0
    for nodeid in order:
        clock += 0.01
        fails = nodeid == BRITTLE and SETTER not in seen
        seen.add(nodeid)
        attempts.append(
            attempt(nodeid, "failed" if fails else "passed", started_s=clock, worker=worker)
        )
    if any(each.outcome == "failed" for each in attempts):
        more = [("failed", ALONE)] * probed + [("passed", worker)]
        for number, (outcome, where) in enumerate(more, 2):
            clock += 0.01
            attempts.append(
                attempt(BRITTLE, outcome, number=number, started_s=clock, worker=where)  # type: ignore[arg-type] # a literal
            )
    this = run(uid, commit=f"{uid:040x}", **fields)  # type: ignore[arg-type] # fields by name
    change = this.change._replace(files=(ChangedFile(changed, "M"),))
    return this._replace(change=change), attempts


def add(history: History, *sessions: tuple[Run, list[Attempt]]) -> None:
    history.add([candidate_of(each, attempts) for each, attempts in sessions])


def moved(uid: int, probed: int = 3) -> tuple[Run, list[Attempt]]:
    return session(uid, FIRST, probed=probed)


def test_a_brittle_test_is_known_after_three_runs(history: History) -> None:
    add(history, session(1, COLLECTED))
    assert history.order_rules.read() == {}
    add(history, moved(2))
    assert not history.order_rules.read()[BRITTLE].is_certain
    add(history, moved(3))
    rule = history.order_rules.read()[BRITTLE]
    assert rule.is_certain
    assert rule.kind == "brittle"
    assert set(rule.others) == set(FILE[:3])
    assert rule.words == (
        "passes after tests/test_a.py::test_2 or tests/test_a.py::test_1 or tests/test_a.py::test_0"
    )


def test_the_nearest_are_named_first(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    assert history.order_rules.read()[BRITTLE].others[0] == FILE[2]


def test_another_order_tells_which_of_them_it_is(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    for uid, before in ((4, FILE[0]), (5, FILE[2])):
        others = [nodeid for nodeid in FIRST if nodeid != before]
        add(history, session(uid, [before, *others], probed=3))
    assert history.order_rules.read()[BRITTLE].others == (SETTER,)


def test_each_worker_has_an_order_of_its_own(history: History) -> None:
    add(history, session(1, COLLECTED))
    for uid in (2, 3, 4, 5):
        there, elsewhere = session(uid, FIRST, worker="gw0"), session(uid, FILE[:3], worker="gw1")
        other = [each for each in elsewhere[1] if each.key != BRITTLE]
        ran = [each for each in there[1] if each.key not in FILE[:3] or each.key == BRITTLE]
        again = attempt(BRITTLE, number=2, started_s=9.0, worker="gw1")
        first = [each for each in ran if each.number == 1]
        add(history, (there[0], [*first, *other, again]))
    rule = history.order_rules.read()[BRITTLE]
    assert rule.is_certain
    assert SETTER in rule.others
    assert not set(rule.others) & set(REST)


def test_runs_in_any_order_give_the_same_rules(tmp_path: Path) -> None:
    sessions = [session(1, COLLECTED), moved(2), moved(3), session(4, COLLECTED), moved(5)]
    found = []
    for place, some in enumerate((sessions, sessions[::-1], sessions[2:] + sessions[:2])):
        with open_history(tmp_path / f"{place}.sqlite3") as history:
            for each in some:
                add(history, each)
            assert history.check() == []
            found.append(history.order_rules.read())
            history.rebuild()
            assert history.order_rules.read() == found[-1]
    assert found[0] == found[1] == found[2]
    assert found[0][BRITTLE].is_certain


def test_a_failure_that_lasts_is_no_evidence(history: History) -> None:
    """Nothing shows that the code could have passed."""
    add(history, session(1, COLLECTED))
    for uid in (2, 3, 4):
        this, attempts = session(uid, FIRST)
        add(history, (this, [each for each in attempts if each.number == 1]))
    assert history.order_rules.read() == {}


def test_a_mass_failure_is_no_evidence(history: History) -> None:
    add(history, session(1, COLLECTED))
    for uid in (2, 3, 4):
        this, attempts = moved(uid)
        bad = [attempt(f"tests/test_c.py::test_{n}", "failed", started_s=5) for n in range(20)]
        add(history, (this, [*attempts, *bad]))
    assert history.order_rules.read() == {}


def test_a_change_of_the_test_voids_what_was_known(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    assert history.order_rules.read()[BRITTLE].is_certain
    add(history, session(4, COLLECTED, changed="tests/test_a.py"))
    assert history.order_rules.read() == {}


def test_a_branch_that_touches_the_test_throughout_learns_anew(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2))
    for uid in (3, 4, 5):
        add(history, session(uid, FIRST, changed="tests/test_a.py", probed=3))
    add(history, session(6, COLLECTED, changed="tests/test_a.py"))
    rule = history.order_rules.read()[BRITTLE]
    assert rule.is_certain
    assert rule.is_touched


def test_a_test_that_needs_the_other_no_more_loses_its_rule(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    for uid in (4, 5, 6):
        this, attempts = session(uid, FIRST)
        clean = [
            attempt(each.nodeid, started_s=each.started_s) for each in attempts if each.number == 1
        ]
        add(history, (this, clean))
    rule = history.order_rules.read().get(BRITTLE)
    assert rule is None or not rule.is_certain


def test_a_fresh_process_is_remembered(history: History) -> None:
    this, attempts = session(1, FIRST)
    fresh = attempts[-1]._replace(worker=FRESH, number=2)
    add(history, (this, [*attempts[:-1], fresh]))
    stored = [each.worker for each in history.attempts(this.run_uid) if each.key == BRITTLE]
    assert stored == [None, FRESH]


def rule(at: float = 5.0, **fields: object) -> OrderRule:
    values = {
        "key": BRITTLE,
        "kind": "brittle",
        "others": (SETTER,),
        "posterior": 1.0,
        "n_failed": 3,
        "n_passed": 3,
        "found_by": "bisect",
        "at": at,
    } | fields
    return OrderRule(**values)  # type: ignore[arg-type] # fields by name


def test_what_a_bisection_found_comes_first_and_can_be_dropped(history: History) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    history.order_rules.keep(rule())
    assert history.order_rules.read()[BRITTLE] == rule()
    history.rebuild()
    assert history.order_rules.read()[BRITTLE] == rule()
    assert history.check() == []
    assert history.order_rules.drop(BRITTLE)
    assert history.order_rules.read()[BRITTLE].found_by == "runs"
    assert not history.order_rules.drop(BRITTLE)


@pytest.mark.parametrize("is_newer", [True, False])
def test_a_merge_keeps_the_newer_bisection(
    history: History, tmp_path: Path, is_newer: bool
) -> None:
    other = tmp_path / "other.sqlite3"
    with open_history(other) as there:
        add(there, session(9, COLLECTED))
        there.order_rules.keep(rule(at=6.0))
    history.order_rules.keep(rule(at=5.0 if is_newer else 7.0))
    history.merge(other)
    assert history.order_rules.read()[BRITTLE].at == (6.0 if is_newer else 7.0)


def test_a_slim_copy_has_the_rules(history: History, tmp_path: Path) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3))
    history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert slim.order_rules.read() == history.order_rules.read()


@pytest.mark.parametrize(
    "assignment",
    ["kind = 'odd'", "posterior = 2", "others = '{}'", "others = '[1]'", "touched = 7"],
)
def test_a_rule_that_no_nexus_wrote_is_refused(history: History, assignment: str) -> None:
    history.order_rules.keep(rule())
    history._connection.execute(f"UPDATE order_rule SET {assignment}")  # noqa: S608 - the fault
    with pytest.raises(HistoryError):
        history.order_rules.read()


def test_a_repaired_failure_is_none_for_the_history(history: History) -> None:
    """It is no failure, no flake and no lesson: in the order of the collection the test passed."""
    this, attempts = session(1, FIRST)
    first = [each for each in attempts if each.number == 1]
    again = [
        attempt(BRITTLE, "failed", number=2, started_s=8.0),
        attempt(BRITTLE, number=3, started_s=9.0, worker=FRESH),
    ]
    add(history, session(7, COLLECTED), (this, [*first, *again]))
    stats = history.stats()[BRITTLE]
    assert (stats.failures, stats.flakes, stats.runs) == (0, 0, 2)
    assert history.recoveries() == []
    assert all(BRITTLE not in each.failed for each in history.cofailures())
    assert history.check() == []
    rule = history.order_rules.read()[BRITTLE]
    assert rule.n_proved == 1
    assert rule.is_probable


def test_attempts_alone_that_pass_leave_a_flake(history: History) -> None:
    this, attempts = session(1, FIRST, probed=3)
    mixed = [
        each._replace(call=each.call and each.call._replace(outcome="passed"))
        if each.number == 3
        else each
        for each in attempts
    ]
    add(history, (this, mixed))
    assert history.stats()[BRITTLE].flakes == 1
    assert history.order_rules.read()[BRITTLE].n_proved == 0


def test_an_older_history_learns_from_its_reruns(tmp_path: Path) -> None:
    """Flakes that the order explains are called so once the file is led to this version."""
    path = tmp_path / "old.sqlite3"
    with open_history(path) as history:
        add(history, session(1, COLLECTED), *(session(uid, FIRST) for uid in range(2, 9)))
        expected = history.order_rules.read()
        for table in (
            "order_rule",
            "changed_words",
            "run_quality",
            *TABLES_OF_USES,
            *TABLES_OF_SELECTION,
        ):
            history._connection.execute(f"DROP TABLE {table}")
        make_version_9(history._connection)
        history._connection.execute("ALTER TABLE attempt RENAME started_us TO started_ms")
        history._connection.execute("UPDATE attempt SET started_ms = started_ms / 1000")
        history._connection.execute("PRAGMA user_version = 4")
    with open_history(path) as history:
        assert history.order_rules.read() == expected
        assert expected[BRITTLE].is_certain
        assert history.check() == []


def random_session(rng: Random, uid: int, keys: list[str], kinds: dict[str, str]) -> Candidate:
    """A run in some order, in which some tests depend on the first one, and others flake."""
    attempts: list[Attempt] = []
    clock, seen, failed = 0.0, False, []
    for key in rng.sample(keys, len(keys) - rng.randrange(2)):
        clock += rng.choice([0.0, 0.001, 0.01])
        kind = kinds.get(key, "")
        fails = {"brittle": not seen, "victim": seen, "flaky": rng.random() < 0.3}.get(kind, False)
        seen = seen or key == keys[0]
        attempts.append(attempt(key, "failed" if fails else "passed", started_s=clock))
        failed += [key] * fails
    for key in failed:
        worker = rng.choice([None, FRESH])
        attempts.append(attempt(key, number=2, started_s=clock + 1, worker=worker))
    this = run(uid, commit=f"{rng.randrange(9):040x}", dirty=rng.random() < 0.1)
    touched = tuple(ChangedFile(f"tests/test_{n}.py", "M") for n in range(3) if rng.random() < 0.1)
    return candidate_of(this._replace(change=this.change._replace(files=touched)), attempts)


@pytest.mark.parametrize("seed", range(12))
def test_rules_stay_equal_to_those_derived_anew(history: History, seed: int) -> None:
    rng = Random(seed)
    keys = [f"tests/test_{n // 4}.py::test_{n}" for n in range(rng.choice([4, 12]))]
    kinds = {keys[1]: "brittle", keys[2]: "victim", keys[3]: "flaky"}
    sessions = [random_session(rng, uid, keys, kinds) for uid in range(1, rng.randrange(2, 80))]
    while sessions:
        portion = rng.randrange(1, 5)
        history.add(sessions[:portion])
        sessions = sessions[portion:]
    kept = history.order_rules.read()
    assert history.check() == []
    history.rebuild()
    assert history.order_rules.read() == kept


def test_no_failure_of_such_a_test_is_a_lesson(history: History) -> None:
    """Not even in a run in which nothing was repeated."""
    add(history, session(1, COLLECTED), moved(2), moved(3))
    this, attempts = session(4, FIRST)
    bare = [each for each in attempts if each.number == 1]
    broken = attempt(REST[0], "failed", started_s=9.0)
    add(history, (this, [each for each in bare if each.key != REST[0]] + [broken]))
    (case,) = lessons_of(history).cases
    assert sum(case.failed) == 1


def test_rules_are_the_same_if_few_orders_stay_in_memory(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(history, session(1, COLLECTED), moved(2), moved(3), session(4, COLLECTED))
    expected = history.order_rules.read()
    monkeypatch.setattr("pytest_nexus.history.state.trials._MAX_ORDERS", 1)
    history.rebuild()
    assert history.order_rules.read() == expected != {}


def test_lasting_failures_are_those_of_the_last_run_without_a_rule(history: History) -> None:
    assert history.order_rules.lasting() == set()
    lasting, healed = TestKey("t.py::lasting"), TestKey("t.py::healed")
    keys = (BRITTLE, lasting, healed)
    add(history, (run(1), [attempt(key, "failed") for key in keys]))
    later = [attempt(key, "passed" if key == healed else "failed") for key in keys]
    add(history, (run(2), later))
    assert history.order_rules.lasting() == {BRITTLE, lasting}
    rule = OrderRule(BRITTLE, "brittle", (SETTER,), 0.9, 1, 1, "bisect", 1.0)
    history.order_rules.keep(rule)
    assert history.order_rules.lasting() == {lasting}
    assert history.order_rules.read() == {BRITTLE: rule}
    assert history.order_rules.drop(BRITTLE)
    assert not history.order_rules.drop(BRITTLE)
    assert history.order_rules.read() == {}
