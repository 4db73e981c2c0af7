"""Keep order-dependent tests, and the tests that they depend on, in collection order. Pure.

These tests are tied together as an `xdist_group` ties tests: one worker and one shard run them in a
row. Unlike in a group, they run in collection order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.blocks import IN_ORDER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


def in_force(rules: Iterable[OrderRule], change: Change) -> list[OrderRule]:
    """Return the rules that hold for a run.

    An uncertain rule has no effect. A rule is dropped if the change touches its test, or a test
    that it depends on, for the first time: the dependence may be fixed.
    """
    paths = {file.path for file in change.files}
    return [rule for rule in rules if rule.is_certain and not _is_new(rule, paths)]


def bind(tests: Sequence[CollectedTest], rules: Iterable[OrderRule]) -> Sequence[CollectedTest]:
    """Return the tests, with those that depend on each other tied together.

    A test is tied to a test that it depends on if the collection order satisfies the dependence: a
    brittle test to tests before it, a victim to tests after it. If the reason is unknown, a test is
    tied to the tests of its file. Blocks are tied as a whole.

    Args:
        tests: as collected.
        rules: the rules that hold, see `in_force`.
    """
    rules = list(rules)
    if not rules:
        return tests
    from pytest_nexus.plan.dispatch.units import tie  # noqa: PLC0415 - where a rule holds

    places = {test.key: index for index, test in enumerate(tests)}
    names: dict[int, list[str]] = {}
    for rule in rules:
        members = _members(rule, tests, places)
        if len(members) > 1:
            for index in members:
                names.setdefault(index, []).append(f"{IN_ORDER}{rule.key}")
    return tie(tests, _with_blocks(tests, names))


def _members(
    rule: OrderRule, tests: Sequence[CollectedTest], places: Mapping[TestKey, int]
) -> Collection[int]:
    here = places.get(rule.key)
    if here is None:
        return ()
    if not rule.others:
        return [index for index, test in enumerate(tests) if test.path == tests[here].path]
    others = {places[key] for key in rule.others if key in places}
    fitting = {one for one in others if (one < here) == (rule.kind == "brittle")}
    return {here, *fitting} if fitting else ()


def _with_blocks(
    tests: Sequence[CollectedTest], names: Mapping[int, list[str]]
) -> dict[int, list[str]]:
    """Return the names, extended to all tests of the blocks that contain named tests."""
    scopes = {tests[index].scopes[0] for index in names if tests[index].scopes}
    joined: dict[int, list[str]] = {index: list(own) for index, own in names.items()}
    for index, test in enumerate(tests):
        if test.scopes and test.scopes[0] in scopes:
            joined.setdefault(index, []).append(f"{IN_ORDER}{test.scopes[0]}")
    return joined


def _is_new(rule: OrderRule, changed: Collection[str]) -> bool:
    if rule.is_touched or rule.found_by == "bisect":
        return False
    keys = (rule.key, *rule.others)
    return any(key.partition("::")[0] in changed for key in keys)
