"""Which tests may be left out, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.dependencies import Dependency, Fingerprint, KnownUses
from pytest_nexus.domain.records import TestKey, Verdict
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from pytest_nexus.plan.reuse import (
    FEWEST_TO_AUDIT,
    Judgement,
    Present,
    counted_reasons,
    judge,
    unchanged_runs,
)
from pytest_nexus.plan.set_changes import SetChanges
from pytest_nexus.plan.standing_reasons import standing_reasons
from tests.support.builders import by_key, changed, collected, known

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

A, B, C = (collected(f"t/test_{each}.py::test_{each}") for each in "abc")
COMMIT = "1f3a9c2d" * 5
THINGS = {
    1: Dependency("block", "src/a.py::f", "1"),
    2: Dependency("module", "src/a.py", "2"),
    3: Dependency("file", "t/data/in.json", "3"),
    4: Dependency("folder", "t/data", "4"),
    5: Dependency("variable", "HOME", "5"),
    6: Dependency("distribution", "click", "6"),
    7: Dependency("session", "python", "7"),
    8: Dependency("block", "src/b.py::g", "8"),
    9: Dependency("file", "t/absent.json", ""),
    10: Dependency("module", "t/test_c.py", "10"),
}


def fingerprint(*members: int, run: str = "r1", commit: str | None = COMMIT) -> Fingerprint:
    return Fingerprint(frozenset(members), run, commit, 1.0)


def uses(**by_test: Collection[Fingerprint]) -> KnownUses:
    keys = {"a": A.key, "b": B.key, "c": C.key}
    return KnownUses(THINGS, {keys[name]: tuple(each) for name, each in by_test.items()}, {})


def decide(
    what: KnownUses,
    *,
    changed: Mapping[int, bool] | None = None,
    new: Collection[str] | None = (),
    gone: Collection[str] = (),
    importers: Mapping[str, Collection[int]] | None = None,
    always: Mapping[int, str] | None = None,
    tests: Any = (A, B, C),
) -> dict[str, str]:
    """The action and reason of each test by the last letter of its name, without audit."""
    since = {} if new is None else {"r1": new}
    present = Present(changed or {}, since, importers or {}, {"r1": gone})
    found = judge(tests, what, present, always or {}, "seed")
    verdicts = zip(tests, found.verdicts, strict=True)
    return {test.key[-1]: f"{each.action}: {each.reason}" for test, each in verdicts}


def test_a_test_of_which_nothing_changed_is_left_out_with_what_it_used() -> None:
    found = decide(uses(a=[fingerprint(1, 2, 3, 4, 5, 6, 7, 8)]))
    assert found["a"] == (
        "reuse: passed at 1f3a9c2 with the same 2 blocks, 1 module, 1 file, 1 folder, 1 variable,"
        " 1 distribution"
    )


def test_a_test_without_fingerprint_runs() -> None:
    assert decide(uses(a=[fingerprint(1)]))["b"] == "run: nothing is known of what it uses"


@pytest.mark.parametrize(
    ("number", "exists", "reason"),
    [
        (1, True, "src/a.py::f changed"),
        (1, False, "src/a.py::f is gone"),
        (2, True, "the module level of src/a.py changed"),
        (2, False, "the module level of src/a.py is gone"),
        (3, True, "t/data/in.json changed"),
        (3, False, "t/data/in.json is gone"),
        (4, True, "the list of files in t/data changed"),
        (5, True, "the variable HOME changed"),
        (5, False, "the variable HOME is gone"),
        (6, True, "the distribution click changed"),
        (7, True, "another version of Python"),
        (9, True, "t/absent.json is new"),
    ],
    ids=str,
)
def test_a_test_that_used_what_changed_runs_and_no_other(
    number: int, exists: bool, reason: str
) -> None:
    others = sorted(set(THINGS) - {number})
    what = uses(a=[fingerprint(*THINGS)], b=[fingerprint(*others)])
    found = decide(what, changed={number: exists})
    assert found["a"] == f"run: {reason}"
    assert found["b"].startswith("reuse: ")


def test_the_first_change_is_named_and_the_others_are_counted() -> None:
    found = decide(uses(a=[fingerprint(*THINGS)]), changed={3: True, 8: True, 1: True})
    assert found["a"] == "run: src/a.py::f changed, and 2 more"


def test_any_fingerprint_without_a_change_is_enough() -> None:
    what = uses(a=[fingerprint(1, 3), fingerprint(2, 3)])
    assert decide(what, changed={1: True})["a"].startswith("reuse: ")
    assert decide(what, changed={1: True, 2: True, 3: True})["a"].startswith("run: ")


def test_the_fingerprint_with_the_fewest_changes_gives_the_reason() -> None:
    what = uses(a=[fingerprint(1, 2, 3), fingerprint(8, 3)])
    found = decide(what, changed={1: True, 2: True, 8: True})
    assert found["a"] == "run: src/b.py::g changed"


def test_a_commit_that_is_not_here_proves_nothing_and_is_counted() -> None:
    present = Present({}, {})
    found = judge([A, B], uses(a=[fingerprint(1)]), present, {}, "seed")
    assert found.verdicts[0].reason == "the commit it passed at is not here"
    assert found.n_incomparable == 1


def test_an_older_fingerprint_of_a_commit_that_is_here_counts() -> None:
    what = uses(a=[fingerprint(1, run="r0"), fingerprint(1, run="r1")])
    assert decide(what)["a"].startswith("reuse: ")


def test_a_standing_reason_comes_first() -> None:
    assert decide(uses(a=[fingerprint(1)]), always={0: "flaky"})["a"] == "run: flaky"


# New files


def test_a_new_data_file_runs_the_tests_that_look_below_its_folder() -> None:
    what = uses(a=[fingerprint(1, 3)], b=[fingerprint(1, 4)], c=[fingerprint(1)])
    found = decide(what, new=["t/data/deep/new.json"])
    assert found["a"] == "run: t/data/deep/new.json is new"
    assert found["b"] == "run: t/data/deep/new.json is new"
    assert found["c"].startswith("reuse: ")


def test_a_new_data_file_runs_the_tests_that_look_into_folders_below() -> None:
    what = uses(a=[fingerprint(3)], b=[fingerprint(9)], c=[fingerprint(1)])
    found = decide(what, new=["t/new.json"])  # `t` is known from the file t/absent.json
    assert [found[name][:5] for name in "abc"] == ["run: ", "run: ", "reuse"]


def test_a_new_data_file_in_unknown_folders_runs_all_tests() -> None:
    found = decide(uses(a=[fingerprint(3)], c=[fingerprint(1)]), new=["docs/new.md"])
    assert found["a"] == found["c"] == "run: docs/new.md is new"


def test_a_new_file_that_a_test_knows_with_this_content_is_not_new_for_it() -> None:
    what = uses(a=[fingerprint(3)], b=[fingerprint(4)])
    found = decide(what, new=["t/data/in.json"])
    assert found["a"].startswith("reuse: ")
    assert found["b"] == "run: t/data/in.json is new"
    assert decide(what, new=["t/data/in.json"], changed={3: True})["a"].startswith("run: ")


def test_a_data_file_that_is_gone_runs_the_tests_that_look_below_its_folder() -> None:
    """A library may have looked at the file, and nobody saw it."""
    what = uses(a=[fingerprint(1, 3)], b=[fingerprint(9)], c=[fingerprint(1)])
    found = decide(what, gone=["t/data/old.json", "src/old.py"])
    assert found["a"] == "run: t/data/old.json is gone"
    assert found["b"].startswith("reuse: ")
    assert found["c"].startswith("reuse: ")
    assert decide(what, gone=["docs/old.md"])["c"] == "run: docs/old.md is gone"


def test_a_test_that_knows_a_file_as_missing_does_not_run_for_it() -> None:
    what = uses(a=[fingerprint(9)], b=[fingerprint(9, 3)], c=[fingerprint(3)])
    found = decide(what, gone=["t/absent.json"])
    assert [found[name][:5] for name in "abc"] == ["reuse", "reuse", "run: "]


def test_a_new_module_runs_the_tests_whose_code_may_import_it() -> None:
    what = uses(a=[fingerprint(1)], b=[fingerprint(8)])
    found = decide(what, new=["src/_speed.py"], importers={"src/_speed.py": {1}})
    assert found["a"] == "run: src/_speed.py is new"
    assert found["b"].startswith("reuse: ")


def test_a_new_test_file_that_nobody_imports_runs_nothing_else() -> None:
    assert decide(uses(a=[fingerprint(1)]), new=["t/test_new.py"])["a"].startswith("reuse: ")


def test_a_new_conftest_runs_the_tests_below_its_folder() -> None:
    here, above = ["t/conftest.py"], ["conftest.py"]
    other = collected("u/test_a.py::test_u")
    what = KnownUses(THINGS, {A.key: (fingerprint(1),), other.key: (fingerprint(1),)}, {})
    found = decide(what, new=here, tests=(A, other))
    assert found["a"] == "run: t/conftest.py is new"
    assert found["u"].startswith("reuse: ")
    assert decide(what, new=above, tests=(A, other))["u"] == "run: conftest.py is new"


def test_new_files_count_from_the_run_of_each_fingerprint() -> None:
    what = uses(a=[fingerprint(3, run="r1")], b=[fingerprint(3, run="r2")])
    present = Present({}, {"r1": ["t/data/new.json"], "r2": []})
    found = judge([A, B], what, present, {}, "seed")
    assert [each.action for each in found.verdicts] == ["run", "reuse"]


# Standing reasons


def standing(*tests: Any, rules: Any = (), quarantined: Any = None, **fields: Any) -> list[str]:
    stats = by_key(*(known(test.key, **fields) for test in tests))
    found = standing_reasons(tests, stats, rules, quarantined)
    return [found.get(index, "") for index in range(len(tests))]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"last_outcome": "failed"}, "failed last time"),
        ({"last_outcome": "error"}, "had an error last time"),
        ({"last_outcome": "skipped"}, "skipped last time"),
        ({"last_outcome": "xfailed"}, "xfailed last time"),
        ({"last_outcome": "xpassed"}, "xpassed last time"),
        ({"flakes": 1}, "flaky"),
    ],
    ids=str,
)
def test_results_that_make_a_test_run(fields: dict[str, Any], reason: str) -> None:
    assert standing(A, **fields) == [reason]


def test_a_test_that_was_never_recorded_runs() -> None:
    assert standing_reasons([A], {}, (), None) == {0: "never recorded"}


def test_a_marked_test_and_a_quarantined_test_run() -> None:
    assert standing(A._replace(runs_always=True)) == ["marked nexus_always"]
    assert standing(A, B, quarantined=lambda test: test is B) == ["", "quarantined"]


def test_tests_with_one_name_run() -> None:
    assert standing(A, A, B) == ["several tests have its name"] * 2 + [""]


def test_a_test_that_depends_on_the_order_runs_with_the_tests_that_it_names() -> None:
    rule = OrderRule(A.key, "brittle", (TestKey(B.key),), 0.99, 2, 3, "runs", 1.0)
    assert standing(A, B, C, rules=[rule]) == [
        f"depends on the order: passes after {B.key}", f"{A.key} depends on it", ""
    ]  # fmt: skip


def test_a_test_that_only_may_depend_on_the_order_runs_alone() -> None:
    rule = OrderRule(A.key, "brittle", (TestKey(B.key),), 0.3, 1, 3, "runs", 1.0)
    found = standing(A, B, rules=[rule])
    assert found == [f"depends on the order: passes after {B.key}", ""]


# Tests that need each other, audit


def test_tests_with_the_marker_dependency_are_left_out_only_together() -> None:
    first, second = (test._replace(marker="dependency") for test in (A, B))
    what = uses(a=[fingerprint(1)], b=[fingerprint(8)], c=[fingerprint(8)])
    found = decide(what, changed={1: True}, tests=(first, second, C))
    assert found["b"] == "run: a test with the marker dependency runs"
    assert found["c"].startswith("reuse: ")
    assert decide(what, tests=(first, second))["b"].startswith("reuse: ")


def audit(n_tests: int, seed: str = "s") -> Judgement:
    tests = [collected(f"t/test_x.py::test_{n}") for n in range(n_tests)]
    what = KnownUses(THINGS, {test.key: (fingerprint(1),) for test in tests}, {})
    return judge(tests, what, Present({}, {"r1": ()}), {}, seed)


@pytest.mark.parametrize(
    ("n_tests", "size"), [(0, 0), (3, 0), (4, 2), (9, 4), (10, 5), (500, 5), (501, 6), (2000, 20)]
)
def test_one_percent_is_audited_and_at_least_five_and_at_most_half(n_tests: int, size: int) -> None:
    found = audit(n_tests)
    assert len(found.audited) == size
    assert [each.action for each in found.verdicts].count("run") == size
    for index in found.audited:
        reason = found.verdicts[index].reason
        assert (
            reason == "audit: it would be left out, as it passed at 1f3a9c2 with the same 1 block"
        )


def test_another_seed_audits_other_tests() -> None:
    assert audit(1000, "s").audited == audit(1000, "s").audited != audit(1000, "t").audited
    assert FEWEST_TO_AUDIT > 1


# Runs whose files are compared


def test_runs_of_unchanged_fingerprints_are_named_the_needed_ones_first() -> None:
    what = uses(
        a=[fingerprint(1, run="r1", commit="c1")],
        b=[fingerprint(1, run="r2", commit="c2"), fingerprint(2, run="r3", commit="c3")],
        c=[fingerprint(8, run="r2", commit="c2")],
    )
    found = unchanged_runs(what, SetChanges(THINGS, {2}))
    assert list(found.items()) == [("r2", "c2"), ("r1", "c1")]


# Properties


@st.composite
def situations(draw: Any) -> tuple[list[Any], KnownUses, Present]:
    names = [f"t/test_{n}.py::test_it" for n in range(draw(st.integers(0, 12)))]
    tests = [collected(name) for name in names]
    sets = draw(st.lists(st.frozensets(st.sampled_from(sorted(THINGS)), min_size=1), min_size=1))
    one = st.builds(
        Fingerprint,
        st.sampled_from(sets),
        st.sampled_from(["r1", "r2", "r3"]),
        st.sampled_from([None, "c1"]),
        st.floats(0, 9),
    )
    known = {test.key: tuple(draw(st.lists(one, max_size=3))) for test in tests}
    changed = draw(st.dictionaries(st.sampled_from(sorted(THINGS)), st.booleans(), max_size=3))
    path = st.sampled_from(["t/data/x.json", "new.md", "t/conftest.py", "src/_speed.py"])
    new = {run: draw(st.lists(path, unique=True, max_size=2)) for run in ("r1", "r2")}
    return tests, KnownUses(THINGS, known, {}), Present(changed, new, {"src/_speed.py": {1}})


@given(situations(), st.randoms(use_true_random=False))
def test_the_verdict_on_a_test_does_not_depend_on_the_order(situation: Any, random: Any) -> None:
    tests, what, present = situation
    found = dict(zip(tests, judge(tests, what, present, {}, "s").verdicts, strict=True))
    shuffled = list(tests)
    random.shuffle(shuffled)
    again = judge(shuffled, what, present, {}, "s").verdicts
    assert dict(zip(shuffled, again, strict=True)) == found


@given(situations())
def test_whatever_is_left_out_has_a_fingerprint_without_any_change(situation: Any) -> None:
    tests, what, present = situation
    for test, verdict in zip(tests, judge(tests, what, present, {}, "s").verdicts, strict=True):
        if verdict.action == "reuse":
            assert any(
                each.members.isdisjoint(present.changed) and each.run_uid in present.new_files
                for each in what.fingerprints[test.key]
            )


@given(situations(), st.sampled_from(sorted(THINGS)))
def test_a_further_change_never_lets_more_tests_be_left_out(situation: Any, more: int) -> None:
    tests, what, present = situation
    before = judge(tests, what, present, {}, "s")
    changed = present._replace(changed={**present.changed, more: True})
    after = judge(tests, what, changed, {}, "s")
    for index, verdict in enumerate(after.verdicts):
        if verdict.action == "reuse" or index in after.audited:
            assert before.verdicts[index].action == "reuse" or index in before.audited


# Reasons of a plan


def test_reasons_are_counted_the_frequent_ones_first() -> None:
    tests = [collected(f"t/test_x.py::test_{n}") for n in range(9)]
    plan = make_plan(tests, {}, changed())
    reasons = ["audit: it would be left out", "audit: it would be", "flaky", "b", "a", "a", "c"]
    verdicts = [*(Verdict("run", each) for each in reasons), *[Verdict("reuse", "same")] * 2]
    made = zip(plan.tests, verdicts, strict=True)
    plan = plan._replace(tests=tuple(one._replace(verdict=each) for one, each in made))
    assert counted_reasons(plan, most=3) == [
        "2 tests left out: passed with the same code",
        "2 tests to run: a",
        "2 tests to run: audit",
        "1 test to run: b",
        "2 tests to run for other reasons",
    ]
    assert len(counted_reasons(plan)) == 6
