"""The order beside pytest-random-order, which is installed by many and turned on by few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

SUITE = {
    "test_a.py": "\n".join(f"def test_{n}(): pass" for n in range(8)),
    "test_z.py": "def test_fails(): assert 0",
}


def test_plugin_that_is_not_turned_on_leaves_the_order_to_nexus(
    project: Callable[..., Project],
) -> None:
    made = project(SUITE)
    made.run(companions=("random_order",))
    assert made.run(companions=("random_order",)).names[0] == "test_fails"


@pytest.mark.parametrize(
    "argument", ["--random-order", "--random-order-bucket=global", "--random-order-seed=7"]
)
def test_plugin_that_shuffles_wins_unless_the_order_is_asked_for(
    project: Callable[..., Project], argument: str
) -> None:
    made = project(SUITE)
    made.run(argument, companions=("random_order",))
    said = made.run(argument, companions=("random_order",)).said
    assert_message(said, "NX209", "random_order", "--nexus-order=risk")
    asked = made.run(argument, "--nexus-order=risk", companions=("random_order",))
    assert asked.names[0] == "test_fails"
