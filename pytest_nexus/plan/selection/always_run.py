"""Name the tests that run however unlikely they are to fail, and why."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import translate
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.selection.max_age import why_too_old
from pytest_nexus.plan.standing_reasons import reasons_of_order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.selection.modes import Asked

NAMED: str = "named by nexus_select_always"


class Facts(NamedTuple):
    """What is known of the tests before a run."""

    stats: Mapping[TestKey, TestStats]
    """The statistics in the history, from trusted runs alone."""
    change: Change
    now: float
    """Start of this run, in seconds since the epoch."""
    starts: Sequence[float] = ()
    """Starts of the runs on this branch, the newest first."""
    failing: Collection[str] = ()
    """Keys of the tests that failed in their last run on this branch."""
    rules: Collection[OrderRule] = ()
    """Rules about tests that depend on the order."""
    guarded: Mapping[str, str] = MappingProxyType({})
    """Why tests run that cover a change that was taken back, by key."""


def reasons_to_run(tests: Sequence[CollectedTest], facts: Facts, asked: Asked) -> dict[int, str]:
    """Return by index why tests run in any case.

    Args:
        tests: as collected.
        facts: what is known.
        asked: the user's choices.
    """
    times = Counter(test.key for test in tests)
    changed = {file.path for file in facts.change.files}
    order = reasons_of_order(facts.rules)
    is_named = _matcher(asked.always)
    of_known = _of_known(facts, asked)
    found: dict[int, str] = {}
    for index, test in enumerate(tests):
        if test.runs_always:
            found[index] = "marked nexus_always"
        elif is_named is not None and is_named(test):
            found[index] = NAMED
        elif times[test.key] > 1:
            found[index] = "several tests have its name"
        elif test.path in changed:
            found[index] = "its file changed"
        elif test.depends_on and not changed.isdisjoint(test.depends_on):
            found[index] = "a file that it depends on changed"
        elif reason := of_known(test.key) or order.get(test.key):
            found[index] = reason
    return found


def _of_known(facts: Facts, asked: Asked) -> Callable[[TestKey], str]:
    @lru_cache(maxsize=512)
    def age(last_run: float) -> str:
        return why_too_old(last_run, facts.starts, facts.now, asked.max_age)

    def reason(key: TestKey) -> str:
        known = facts.stats.get(key)
        if known is None:
            return "new"
        if known.last_outcome in BAD or key in facts.failing:
            return "failed last time"
        return age(known.last_seen) or facts.guarded.get(key, "")

    return reason


def _matcher(patterns: Iterable[str]) -> Callable[[CollectedTest], bool] | None:
    """Return whether a test is named by one of the patterns; None if there are none.

    A pattern is a file, a folder, a glob over paths in which `*` also stands for `/`, or the
    beginning of a node id up to a `::` or a `[`.
    """
    kept = [_plain(pattern) for pattern in patterns if pattern.strip()]
    ids = tuple(pattern for pattern in kept if "::" in pattern)
    paths = [pattern for pattern in kept if "::" not in pattern]
    if not kept:
        return None
    globs = "|".join(f"(?:{translate(path)})" for path in paths)
    whole = re.compile(globs) if globs else None
    folders = tuple(f"{path}/" for path in paths if path != ".")
    is_all = "." in paths

    @lru_cache(maxsize=4096)
    def by_path(path: str) -> bool:
        return is_all or path.startswith(folders) or bool(whole and whole.match(path))

    def is_named(test: CollectedTest) -> bool:
        return by_path(test.path) or any(_begins(test.nodeid, each) for each in ids)

    return is_named


def _plain(pattern: str) -> str:
    return pattern.strip().removeprefix("./").rstrip("/") or "."


def _begins(nodeid: str, start: str) -> bool:
    return nodeid == start or nodeid.startswith((f"{start}::", f"{start}["))
