"""Which plugin's order wins, and what `order` and `dependency` marks keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

TEN = {
    "test_ten.py": "\n".join(
        f"def test_{number}(): {'assert 0' if number == 9 else 'pass'}" for number in range(10)
    )
}
COLLECTION = [f"test_{number}" for number in range(10)]
SEED = ("-p", "no:cacheprovider", "--randomly-seed=7")


def test_randomly_wins_with_one_line(project: Callable[..., Project]) -> None:
    made = project(TEN)
    bare = made.run(*SEED, nexus=False, companions=("randomly",))
    result = made.run(*SEED, companions=("randomly",))
    again = made.run(*SEED, companions=("randomly",))
    assert bare.names == result.names == again.names != COLLECTION
    said = [line for line in again.said if "randomly" in line]
    assert len(said) == 1
    assert "--nexus-order=risk" in said[0]


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        (("--nexus-order=risk",), ""),
        (("--randomly-dont-reorganize",), ""),
        ((), "nexus_order = risk"),
    ],
)
def test_order_by_risk_overrules_randomly_where_it_is_asked_for(
    project: Callable[..., Project], arguments: tuple[str, ...], ini: str
) -> None:
    made = project(TEN | {"pytest.ini": f"[pytest]\n{ini}\n"})
    made.run(companions=())
    result = made.run(*SEED, *arguments, companions=("randomly",))
    assert result.names[0] == "test_9"
    assert not [line for line in result.said if "randomly" in line]


def test_randomly_turned_off_by_name_is_absent(project: Callable[..., Project]) -> None:
    made = project(TEN)
    made.run(companions=())
    result = made.run("-p", "no:randomly", companions=("randomly",))
    assert result.names[0] == "test_9"


def test_randomly_on_workers_keeps_one_collection(project: Callable[..., Project]) -> None:
    result = project(TEN).run("-n", "2", *SEED, companions=("randomly",))
    assert sorted(result.names) == COLLECTION
    assert len(result.attempts) == 10


@pytest.mark.parametrize("order", [(), ("--nexus-order=risk",)], ids=["default", "asked for"])
def test_randomly_wins_on_a_worker_too_unless_an_order_is_asked_for(
    project: Callable[..., Project], order: tuple[str, ...]
) -> None:
    made = project(TEN)
    bare = made.run(*SEED, nexus=False, companions=("randomly",))
    made.run(companions=())
    result = made.run("-n1", *SEED, *order, companions=("randomly",))
    said = [line for line in result.said if "--nexus-order=risk" in line]
    if order:
        assert (result.names[0], len(said)) == ("test_9", 0)
    else:
        assert (result.names, len(said)) == (bare.names, 1)


ORDERED = {
    "test_ordered.py": """
        import pytest
        def test_free_1(): pass
        @pytest.mark.order("last")
        def test_last(): assert 0
        @pytest.mark.order(2)
        def test_second(): assert 0
        @pytest.mark.order(1)
        def test_first(): pass
        def test_free_2(): assert 0
        @pytest.mark.order(-2)
        def test_last_but_one(): pass
    """
}


def test_order_marks_keep_their_places(project: Callable[..., Project]) -> None:
    made = project(ORDERED)
    bare = made.run(nexus=False, companions=("pytest_order",))
    made.run(companions=("pytest_order",))
    names = made.run(companions=("pytest_order",)).names
    assert names[:2] == bare.names[:2] == ["test_first", "test_second"]
    assert names[-2:] == bare.names[-2:] == ["test_last_but_one", "test_last"]
    assert names[2:4] == ["test_free_2", "test_free_1"]


DEPENDENT = {
    "test_dependent.py": """
        import pytest

        def test_free(): assert 0
        class TestSteps:
            @pytest.mark.dependency
            def test_make(self): pass
            @pytest.mark.dependency(depends=["TestSteps::test_make"])
            def test_use(self): assert 0
            @pytest.mark.dependency(depends=["TestSteps::test_use"])
            def test_after(self): pass
    """
}


def test_dependencies_still_run_first(project: Callable[..., Project]) -> None:
    made = project(DEPENDENT)
    made.run(companions=("dependency",))
    result = made.run(companions=("dependency",))
    steps = [name for name in result.names if name != "test_free"]
    assert steps == ["test_make", "test_use", "test_after"]
    assert result.phases("test_use")["call"] == "failed"
    assert result.phases("test_after")["setup"] == "skipped"
