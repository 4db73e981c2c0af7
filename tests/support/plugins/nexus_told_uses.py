"""A plugin that tells nexus what tests use: `.nexus/told.json`, in place of the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_nexus.domain.dependencies import Dependency, Fingerprint, KnownUses
from pytest_nexus.session.reuse import affected

if TYPE_CHECKING:
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.history.store import History


def told_uses(history: History, _: object) -> KnownUses:
    numbers: dict[Dependency, int] = {}
    fingerprints: dict[TestKey, tuple[Fingerprint, ...]] = {}
    told = json.loads(history.path.with_name("told.json").read_text("utf-8"))
    for key, uses in told["tests"].items():
        members = (numbers.setdefault(Dependency(*each), len(numbers) + 1) for each in uses)
        one = Fingerprint(frozenset(members), told["run_uid"], told["commit"], told["at"])
        fingerprints[key] = (one,)
    return KnownUses({number: each for each, number in numbers.items()}, fingerprints, {})


affected.known_uses = told_uses
