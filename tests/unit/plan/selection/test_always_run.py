from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import OUTCOMES, CollectedTest, TestKey
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from pytest_nexus.plan.selection.always_run import Facts, reasons_to_run
from pytest_nexus.plan.selection.max_age import MaxAge, why_too_old
from pytest_nexus.plan.selection.modes import Asked, Mode
from tests.support.builders import by_key, changed, collected, known

DAY = 86_400.0
NOW = 100 * DAY
MODE = Mode(confidence=0.99)


def reasons(*tests: CollectedTest, always: tuple[str, ...] = (), **facts: object) -> dict[str, str]:
    """The reasons by node id; every test ran a moment ago unless said otherwise."""
    known_tests = by_key(*(known(test.key, last_seen=NOW - 1) for test in tests))
    given_facts = {"stats": known_tests, "change": changed(), "now": NOW} | facts
    found = reasons_to_run(tests, Facts(**given_facts), Asked(MODE, always))  # type: ignore[arg-type] # fields by name
    return {tests[index].nodeid: reason for index, reason in found.items()}


A = collected("tests/test_a.py::test_x")
B = collected("tests/db/test_b.py::TestB::test_y[1]")


def test_a_test_that_passed_lately_need_not_run() -> None:
    assert reasons(A, B) == {}


def test_a_marked_test_runs() -> None:
    assert reasons(A._replace(runs_always=True), B) == {A.nodeid: "marked nexus_always"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("tests/test_a.py", [A]), ("./tests/db/", [B]), ("tests", [A, B]), (".", [A, B]),
        ("*/test_b.py", [B]), ("tests/*", [A, B]), ("tests/test_?.py", [A]), ("test_a.py", []),
        ("tests/test", []), ("tests/test_a.py::test_x", [A]), ("tests/test_a.py::test", []),
        ("tests/db/test_b.py::TestB", [B]), ("tests/db/test_b.py::TestB::test_y", [B]),
        ("tests/db/test_b.py::TestB::test_y[1]", [B]), ("(", []), ("[", []), ("  ", []),
    ],
)  # fmt: skip
def test_tests_that_the_user_names_run(pattern: str, names: list[CollectedTest]) -> None:
    found = reasons(A, B, always=(pattern,))
    assert found == {test.nodeid: "named by nexus_select_always" for test in names}


def test_several_tests_of_one_name_run() -> None:
    assert reasons(A, A, B) == {A.nodeid: "several tests have its name"}


def test_tests_that_cover_a_change_that_was_taken_back_run() -> None:
    why = {A.key: "a.py was taken back in cccccccccccc, today", "unknown.py::x": "another"}
    assert reasons(A, B, guarded=why) == {A.nodeid: why[A.key]}


def test_tests_of_changed_files_run() -> None:
    assert reasons(A, B, change=changed("tests/test_a.py")) == {A.nodeid: "its file changed"}
    moved = changed(renames={"tests/test_a.py": "tests/old.py"})
    assert reasons(A, B, change=moved) == {A.nodeid: "its file changed"}


def test_a_test_runs_if_a_file_that_a_plugin_names_changed() -> None:
    depending = B._replace(depends_on=("schema.sql",))
    found = reasons(A, depending, change=changed("schema.sql"))
    assert found == {B.nodeid: "a file that it depends on changed"}


def test_new_tests_run() -> None:
    assert reasons(A, B, stats=by_key(known(B.key, last_seen=NOW))) == {A.nodeid: "new"}


@pytest.mark.parametrize("outcome", ["failed", "error"])
def test_tests_that_failed_last_run(outcome: str) -> None:
    stats = by_key(known(A.key, last_seen=NOW, last_outcome=outcome), known(B.key, last_seen=NOW))
    assert reasons(A, B, stats=stats) == {A.nodeid: "failed last time"}


def test_a_test_that_failed_on_this_branch_runs_though_it_passed_on_another() -> None:
    assert reasons(A, B, failing={A.key}) == {A.nodeid: "failed last time"}


def test_tests_that_depend_on_the_order_run_with_those_that_they_need() -> None:
    rule = OrderRule(A.key, "brittle", (B.key,), 0.99, 3, 3, "runs", 1.0)
    found = reasons(A, B, collected("c.py::test_z"), rules=(rule,))
    assert found == {
        A.nodeid: f"depends on the order: passes after {B.key}",
        B.nodeid: f"{A.key} depends on it",
    }


def test_old_tests_run() -> None:
    stats = by_key(known(A.key, last_seen=NOW - 8 * DAY), known(B.key, last_seen=NOW))
    assert reasons(A, B, stats=stats) == {A.nodeid: "not run for 8 days"}


stats_of = st.builds(
    known,
    st.just(A.key),
    last_seen=st.floats(-1e9, 2 * NOW),
    last_outcome=st.sampled_from(OUTCOMES),
    runs=st.integers(0, 10),
)


@given(stats_of, st.lists(st.floats(0.0, 2 * NOW)), st.integers(0, 25))
def test_a_test_without_a_reason_is_neither_old_nor_failing(
    stats: object, starts: list[float], runs: int
) -> None:
    starts = sorted(starts, reverse=True)
    age = MaxAge(7 * DAY, runs)
    facts = Facts({A.key: stats}, changed(), NOW, starts)  # type: ignore[dict-item] # of a builder
    if not reasons_to_run([A], facts, Asked(MODE, max_age=age)):
        assert not why_too_old(stats.last_seen, starts, NOW, age)  # type: ignore[attr-defined] # the same
        assert stats.last_outcome not in ("failed", "error")  # type: ignore[attr-defined] # the same


def test_a_run_after_the_age_makes_a_test_young_again() -> None:
    """A test that is left out in every run comes back in time, and is not left out past its age."""
    last_run, starts, gaps = NOW, [NOW], []
    for number in range(1, 100):
        now = NOW + number * DAY / 10
        facts = Facts(by_key(known(A.key, last_seen=last_run)), changed(), now, starts)
        starts = [now, *starts]
        if reasons_to_run([A], facts, Asked(MODE)):
            gaps.append((now - last_run) / DAY)
            last_run = now
    assert gaps == pytest.approx([2.1] * 4)


def test_keys_and_not_node_ids_count() -> None:
    masked = A._replace(key=TestKey("tests/test_a.py::test_x[at 0x]"))
    found = reasons(
        masked, B, stats=by_key(known(masked.key, last_seen=NOW), known(B.key, last_seen=NOW))
    )
    assert found == {}
