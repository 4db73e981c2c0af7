"""A plan as a JSON document, which the jobs of one CI run share.

    {
      "nexus_plan": 1,              version of this format; readers skip fields they do not know
      "shards": 4,                  for how many shards it was made
      "collection": "0f3a...",      digest of the node ids, sorted, with their multiplicity
      "inputs": "77c1...",          digest of the expectations it was made from
      "plan": "b01d...",            digest of what was decided
      "run_id": "1234" or null,     the CI run that it was made for
      "selection": {                absent if nothing was selected by forecasts
        "mode": "on",               or "shadow": all tests run
        "rule": "confidence:99%",   the value of nexus_select
        "confidence": 0.99, "gap": 3.2, "why": "..."   each may be absent
      },
      "tests": [                    in the order of collection
        {
          "nodeid": "tests/test_a.py::test_x",
          "shard": 2,               from 1
          "rank": 0,                position in the run, from 0, over all shards
          "seconds": 0.25,          expected, shared set-up apart
          "block": "module:...",    what it moves with; absent for a test that moves alone
          "action": "leave",        or "reuse"; absent for a test that is run
          "reason": "...",          why; absent for a test that is run like every other
          "spared": true            it could be left out, and runs nevertheless; else absent
        }
      ]
    }

The document may come from anywhere, so the reader limits and checks all of it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.records import MAX_SHARDS, NodeId, Verdict
from pytest_nexus.domain.validation import (
    WRONG,
    array,
    explain,
    integer,
    number,
    refuse_constant,
    text,
)
from pytest_nexus.errors import PlanError
from pytest_nexus.plan.make import RUN
from pytest_nexus.plan.selection.selected import Selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Forecast, Plan

VERSION: Final = 1
MAX_CHARS: Final = 512 * 1024 * 1024
MAX_TESTS: Final = 2_000_000
MAX_NODEID_CHARS: Final = 4096
MAX_TEXT_CHARS: Final = 512
MAX_SECONDS: Final = 7 * 86_400.0
_DIGEST_CHARS: Final = 16


@dataclass(frozen=True, slots=True)
class SavedTest:
    """The entry of one test in a document."""

    nodeid: NodeId
    shard: int
    rank: int
    seconds: float
    block: str
    verdict: Verdict
    is_spared: bool = False
    """Whether the test could be left out, and runs nevertheless."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The content of a document."""

    n_shards: int
    collection: str
    inputs: str
    digest: str
    run_id: str | None
    tests: tuple[SavedTest, ...]
    selected: Selected | None = None
    """What the selection decided, without the spared tests; None if there was none."""


def collection_digest(nodeids: Iterable[str]) -> str:
    """Return 16 hexadecimal digits over the tests of a collection, whatever their order.

    Memory addresses in the ids are masked, because they differ between two collections of the same
    tests.
    """
    return _digest(sorted(key_of_nodeid(nodeid[:MAX_NODEID_CHARS]) for nodeid in nodeids))


def inputs_digest(forecasts: Sequence[Forecast], setups: Mapping[str, float]) -> str:
    """Return 16 hexadecimal digits over the inputs of a plan, rounded to the microsecond."""
    expected = [f"{each.p_fail:.9f} {each.duration_s:.6f}" for each in forecasts]
    return _digest([*expected, *(f"{name} {setups[name]:.6f}" for name in sorted(setups))])


def save_plan(
    plan: Plan,
    n_shards: int,
    inputs: str,
    run_id: str | None = None,
    selected: Selected | None = None,
) -> str:
    """Return the document of a plan.

    Args:
        plan: with the shard of each test.
        n_shards: number of shards; shards may be empty.
        inputs: `inputs_digest` of the plan's inputs.
        run_id: the CI run that the plan is made for.
        selected: what the selection decided; None if there was none.
    """
    head: dict[str, object] = {
        "nexus_plan": VERSION,
        "shards": n_shards,
        "collection": collection_digest(planned.test.nodeid for planned in plan.tests),
        "inputs": inputs,
        "plan": plan.digest,
        "run_id": run_id,
    }
    if selected is not None:
        head["selection"] = _selection(selected)
    spared = selected.spared if selected is not None else frozenset()
    rows = (
        _row(
            SavedTest(
                each.test.nodeid,
                each.shard,
                each.rank,
                each.forecast.duration_s,
                each.block,
                each.verdict,
                index in spared,
            )
        )
        for index, each in enumerate(plan.tests)
    )
    tests = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    return f'{json.dumps(head)[:-1]}, "tests": [\n{tests}\n]}}\n'


def load_plan(document: str) -> SavedPlan:
    """Return the content of a document.

    Raises:
        PlanError: the document is not a plan, is damaged, or has a later version.
    """
    if len(document) > MAX_CHARS:
        raise PlanError("NX455", f"The plan is longer than {MAX_CHARS:,} characters; make it again")
    try:
        content = json.loads(document, parse_constant=refuse_constant)
        version = integer(content["nexus_plan"], 1, 10**6)
    except WRONG as error:
        raise PlanError("NX452", f"This is not a plan of `nexus plan`: {explain(error)}") from error
    if version > VERSION:
        raise PlanError(
            "NX454",
            f"The plan is of format {version}, this version of nexus reads {VERSION}; "
            "upgrade pytest-nexus-ci, or make the plan with this version",
        )
    try:
        return _checked(content)
    except WRONG as error:
        raise PlanError("NX453", f"The plan is damaged, make it again: {explain(error)}") from error


def _row(test: SavedTest) -> dict[str, object]:
    row: dict[str, object] = {
        "nodeid": test.nodeid,
        "shard": test.shard,
        "rank": test.rank,
        "seconds": round(test.seconds, 6),
    }
    if test.block:
        row["block"] = test.block
    if test.verdict.action != "run":
        row["action"] = test.verdict.action
    if test.verdict != RUN:
        row["reason"] = test.verdict.reason[:MAX_TEXT_CHARS]
    if test.is_spared:
        row["spared"] = True
    return row


def _selection(selected: Selected) -> dict[str, object]:
    """Return what JSON can hold of a selection."""
    gap = selected.gap if selected.gap is not None and isfinite(selected.gap) else None
    found = {**selected._asdict(), "gap": gap, "why": selected.why or None, "spared": None}
    return {name: value for name, value in found.items() if value is not None}


def _selected(found: dict[str, Any]) -> Selected:
    mode = found["mode"]
    if mode not in ("on", "shadow"):
        raise ValueError(f"the mode of a selection is 'on' or 'shadow', got {mode!r}")
    confidence, gap = found.get("confidence"), found.get("gap")
    return Selected(
        mode,
        text(found["rule"], MAX_TEXT_CHARS),
        None if confidence is None else number(confidence, 1.0),
        None if gap is None else number(gap, MAX_SECONDS),
        text(found.get("why", ""), MAX_TEXT_CHARS),
    )


def _checked(document: dict[str, Any]) -> SavedPlan:
    n_shards = integer(document["shards"], 1, MAX_SHARDS)
    rows = array(document["tests"], MAX_TESTS)
    tests = tuple(_test(row, n_shards, len(rows)) for row in rows)
    collection = text(document["collection"], MAX_TEXT_CHARS)
    if collection != collection_digest(test.nodeid for test in tests):
        raise ValueError("its tests are not those of its digest")
    twice = [rank for rank, times in Counter(test.rank for test in tests).items() if times > 1]
    if twice:
        raise ValueError(f"rank {twice[0]} is given twice")
    run_id, selection = document.get("run_id"), document.get("selection")
    return SavedPlan(
        n_shards=n_shards,
        collection=collection,
        inputs=text(document["inputs"], MAX_TEXT_CHARS),
        digest=text(document["plan"], MAX_TEXT_CHARS),
        run_id=None if run_id is None else text(run_id, MAX_TEXT_CHARS),
        tests=tests,
        selected=None if selection is None else _selected(selection),
    )


def _test(row: dict[str, Any], n_shards: int, n_tests: int) -> SavedTest:
    nodeid = text(row["nodeid"], MAX_NODEID_CHARS)
    action = row.get("action", "run")
    if action not in ("run", "leave", "reuse"):
        raise ValueError(f"action must be 'run', 'leave' or 'reuse', got {action!r}")
    return SavedTest(
        nodeid=NodeId(nodeid),
        shard=integer(row["shard"], 1, n_shards),
        rank=integer(row["rank"], 0, n_tests - 1),
        seconds=number(row["seconds"], MAX_SECONDS),
        block=text(row.get("block", ""), MAX_NODEID_CHARS),
        verdict=Verdict(action, text(row.get("reason", RUN.reason), MAX_TEXT_CHARS)),
        is_spared=row.get("spared") is True,
    )


def _digest(lines: Iterable[str]) -> str:
    joined = "\n".join(lines)
    return sha256(joined.encode("utf-8", "replace")).hexdigest()[:_DIGEST_CHARS]
