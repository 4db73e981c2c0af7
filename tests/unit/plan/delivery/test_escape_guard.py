from __future__ import annotations

from pytest_nexus.domain.records import TestKey
from pytest_nexus.plan.delivery.escape_guard import (
    GUARDED_S,
    GuardedFile,
    LeavingRun,
    guard_of,
    guarded_now,
    guarded_tests,
)
from pytest_nexus.plan.delivery.escapes import Escape
from pytest_nexus.plan.selection.watch import Check, watch

ACCUSED = {"bad": 50.0}
ESCAPED = Escape("bad", "reverted by x", ("a.py",), ("t::x", "t::y"), ("t::y",))


def leaving(uid: str, at: float, commit: str, *, failed: bool = False) -> LeavingRun:
    return LeavingRun(uid, at, commit, 0.75, failed)


def test_a_commit_that_escaped_while_covering_tests_were_left_out_is_a_miss() -> None:
    runs = [leaving("r1", 9.0, "bad"), leaving("r2", 20.0, "caught", failed=True)]
    found = guard_of(runs, [ESCAPED], ACCUSED, 10.0)
    assert found.checks == (Check(20.0, "r2", 0.25, False), Check(50.0, "r1", 0.25, True))
    assert found.files == (GuardedFile("a.py", 50.0, "bad"),)


def test_a_commit_counts_once_however_many_shards_ran_it() -> None:
    shards = [leaving("r1", 20.0, "caught"), leaving("r2", 21.0, "caught", failed=True)]
    found = guard_of([*shards, leaving("r3", 22.0, "caught", failed=True)], [], {}, 10.0)
    assert found.checks == (Check(21.0, "r2", 0.25, False),)


def test_what_proves_nothing_is_no_check() -> None:
    all_ran = ESCAPED._replace(left_out=())
    unknown = ESCAPED._replace(left_out=None)
    for each in (all_ran, unknown):
        assert guard_of([leaving("r1", 20.0, "bad")], [each], ACCUSED, 10.0).checks == ()
    early = leaving("r1", 5.0, "early", failed=True)
    assert guard_of([early], [], {}, 10.0).checks == (), "nobody could accuse it then"
    passed = leaving("r2", 20.0, "good")
    assert guard_of([passed], [ESCAPED], ACCUSED, 10.0).checks == ()


def test_a_failing_run_at_an_accused_commit_was_no_miss_of_the_selection() -> None:
    found = guard_of([leaving("r1", 20.0, "bad", failed=True)], [ESCAPED], ACCUSED, 10.0)
    assert [check.missed for check in found.checks] == [False]


def test_the_watch_raises_the_alarm_over_escapes() -> None:
    escaped = [ESCAPED._replace(commit=f"bad{at}") for at in range(9)]
    runs = [leaving(f"r{at}", 20.0 + at, f"bad{at}") for at in range(9)]
    found = guard_of(runs, escaped, {each.commit: 60.0 for each in escaped}, 10.0)
    alarm = watch(found.checks)
    assert alarm is not None
    assert alarm.n_missed < 9


def test_a_commit_of_very_many_files_guards_none_of_them() -> None:
    many = ESCAPED._replace(files=tuple(f"{at}.py" for at in range(501)))
    assert guard_of([], [many], ACCUSED, 10.0).files == ()


def test_files_are_guarded_for_fourteen_days_from_the_newest_accusation() -> None:
    files = [GuardedFile("a.py", 100.0, "c" * 40), GuardedFile("a.py", 0.0, "b" * 40)]
    assert guarded_now(files, 100.0) == {"a.py": "a.py was taken back in cccccccccccc, today"}
    assert "13 days ago" in guarded_now(files, 99.0 + GUARDED_S)["a.py"]
    assert guarded_now(files, 100.0 + GUARDED_S) == {}
    assert guarded_now(files, -1.0) == {}, "a time in the future guards nothing"


def test_tests_that_use_a_guarded_file_or_stand_in_one_run() -> None:
    paths = {"a.py": "why a", "tests/test_b.py": "why b"}
    users = {"a.py": {"t::x"}, "tests/test_b.py": set()}
    keys = [TestKey("tests/test_b.py::y"), TestKey("tests/test_c.py::z")]
    assert guarded_tests(paths, users, keys) == {"t::x": "why a", "tests/test_b.py::y": "why b"}
