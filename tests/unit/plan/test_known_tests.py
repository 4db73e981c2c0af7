from __future__ import annotations

import pytest

from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.plan.known_tests import UNKNOWN_DURATION_S, StatsIndex, pool
from tests.support.builders import by_key, collected, known


def index(*stats, renames=None):
    return StatsIndex(by_key(*stats), renames or {})


def test_own_history_is_exact() -> None:
    own = known("t/a.py::test_x[1]")
    assert index(own, known("t/a.py::test_x[2]")).find(collected("t/a.py::test_x[1]")) == (
        own,
        "exact",
    )


def test_renamed_file_carries_its_history_along() -> None:
    old = known("t/old.py::test_x[1]")
    found = index(old, renames={"t/new.py": "t/old.py"}).find(collected("t/new.py::test_x[1]"))
    assert found == (old, "renamed")


def test_history_under_the_new_name_wins_over_that_of_the_old() -> None:
    new = known("t/new.py::test_x")
    both = index(new, known("t/old.py::test_x"), renames={"t/new.py": "t/old.py"})
    assert both.find(collected("t/new.py::test_x")) == (new, "exact")


def test_unknown_parameter_is_judged_by_its_function() -> None:
    stats, how = index(
        known("t/a.py::test_x[1]", rate_8=0.2), known("t/a.py::test_x[2]", rate_8=0.4)
    ).find(collected("t/a.py::test_x[3]"))
    assert how == "function"
    assert stats is not None
    assert stats.rate_8 == pytest.approx(0.3)


def test_unknown_parameter_in_a_renamed_file_is_judged_by_its_function() -> None:
    old = known("t/old.py::test_x[1]")
    found = index(old, renames={"t/new.py": "t/old.py"}).find(collected("t/new.py::test_x[2]"))
    assert found == (old, "function")


def test_function_is_looked_up_again_from_memory() -> None:
    one = index(known("t/a.py::test_x[1]"), known("t/a.py::test_x[2]"))
    first, _ = one.find(collected("t/a.py::test_x[3]"))
    second, _ = one.find(collected("t/a.py::test_x[4]"))
    assert first is second


def test_test_of_a_new_function_is_unknown() -> None:
    assert index(known("t/a.py::test_x")).find(collected("t/a.py::test_y")) == (None, "unknown")


def test_a_path_that_only_begins_alike_is_not_renamed() -> None:
    renames = {"t/a.py": "t/old.py"}
    found = StatsIndex(by_key(known("t/old.py::test_x")), renames).find(
        collected("t/a.py.orig::test_x")
    )
    assert found == (None, "unknown")


def test_key_that_does_not_begin_with_its_path_keeps_its_name() -> None:
    outside = CollectedTest(
        NodeId("x"), TestKey("pkg/a.py::test_x"), FunctionKey("pkg/a.py::test_x"), "lib/pkg/a.py"
    )
    found = StatsIndex({}, {"lib/pkg/a.py": "lib/pkg/old.py"}).find(outside)
    assert found == (None, "unknown")


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ([known("t/a.py::test_x", call_s=3.0)], 3.0),
        ([known("t/a.py::test_x[1]", call_s=2.0)], 2.0),
        ([known("t/a.py::test_y", call_s=5.0), known("t/b.py::test_z", call_s=1.0)], 5.0),
        ([known("t/b.py::test_z", call_s=7.0)], 7.0),
        ([], UNKNOWN_DURATION_S),
        ([known("t/a.py::test_x", runs=0, call_s=0.0)], UNKNOWN_DURATION_S),
        ([known("t/a.py::test_x", runs=0, call_s=0.0, last_outcome="skipped")], 0.0),
        ([known("t/a.py::test_x", runs=0, call_s=4.0)], 4.0),
    ],
    ids=["own", "function", "module", "suite", "nothing", "never timed", "skipped", "imported"],
)
def test_duration_comes_from_the_nearest_that_was_measured(stats, expected) -> None:
    assert index(*stats).expected_duration(collected("t/a.py::test_x")) == expected


def test_a_new_test_takes_the_median_of_its_file_whatever_its_name() -> None:
    slow = [known(f"t/a.py::test_load_{what}", call_s=4.0) for what in ("item", "user", "page")]
    quick = [known(f"t/a.py::test_parse_{what}", call_s=0.1) for what in ("item", "user")]
    one = index(*slow, *quick, known("t/b.py::test_load_file", call_s=9.0))
    assert one.expected_duration(collected("t/a.py::test_parse_key")) == 4.0


def test_duration_of_a_new_test_in_a_renamed_module_is_that_of_its_neighbours() -> None:
    one = index(
        known("t/old.py::test_y", call_s=5.0),
        known("t/z.py::test_z", call_s=1.0),
        renames={"t/new.py": "t/old.py"},
    )
    assert one.expected_duration(collected("t/new.py::test_x")) == 5.0


def test_pool_takes_the_last_failure_of_any_member() -> None:
    pooled = pool(
        [
            known("t/a.py::f[1]", runs=9, failures=1, runs_since_failure=4),
            known("t/a.py::f[2]", runs=5, failures=2, runs_since_failure=0, last_outcome="failed"),
        ]
    )
    assert (pooled.runs, pooled.failures, pooled.runs_since_failure) == (9, 2, 0)
    assert pooled.last_outcome == "failed"


def test_pool_that_never_failed_has_no_last_failure() -> None:
    pooled = pool([known("t/a.py::f[1]"), known("t/a.py::f[2]")])
    assert (pooled.runs_since_failure, pooled.last_outcome) == (None, "passed")
