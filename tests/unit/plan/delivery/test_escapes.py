from __future__ import annotations

from pytest_nexus.plan.delivery.escapes import escapes

USERS = {"a.py": {"t1", "t2"}, "b.py": {"t3"}}


def test_the_tests_that_cover_a_commit_and_did_not_run_are_left_out():
    (found,) = escapes({"c": "reverted"}, {"c": ["a.py", "b.py"]}, USERS, {"c": ["t1"]})
    assert found.covering == ("t1", "t2", "t3")
    assert found.left_out == ("t2", "t3")


def test_without_a_run_nothing_is_said_of_what_was_left_out():
    (found,) = escapes({"c": "reverted"}, {"c": ["a.py"]}, USERS, {})
    assert found.left_out is None


def test_a_commit_without_known_files_is_covered_by_nothing():
    (found,) = escapes({"c": "hotfix"}, {}, USERS, {"c": []})
    assert (found.files, found.covering, found.left_out) == ((), (), ())
