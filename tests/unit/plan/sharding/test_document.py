from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import NodeId, Plan, PlannedTest, Verdict
from pytest_nexus.errors import PlanError
from pytest_nexus.plan.make import RUN, digest
from pytest_nexus.plan.selection.selected import Selected
from pytest_nexus.plan.sharding.document import (
    SavedTest,
    collection_digest,
    inputs_digest,
    load_plan,
    save_plan,
)
from tests.support.suites import collected, lasting


def plan_of(*nodeids: str, shards: tuple[int, ...] = (), leave: str = "") -> Plan:
    planned = tuple(
        PlannedTest(
            test=collected(nodeid),
            verdict=Verdict("leave", leave) if leave else RUN,
            rank=rank,
            forecast=lasting(0.25)[0],
            block="module:a" if nodeid.startswith("a") else "",
            shard=shards[rank] if shards else 1,
        )
        for rank, nodeid in enumerate(nodeids)
    )
    return Plan(planned, digest(planned))


def test_what_is_saved_is_loaded():
    plan = plan_of("a.py::test_x", "b.py::test_y", shards=(2, 1))
    saved = load_plan(save_plan(plan, 3, "inputs", run_id="77"))
    assert (saved.n_shards, saved.digest, saved.inputs, saved.run_id) == (
        3,
        plan.digest,
        "inputs",
        "77",
    )
    assert saved.collection == collection_digest(["b.py::test_y", "a.py::test_x"])
    assert saved.tests == (
        SavedTest(NodeId("a.py::test_x"), 2, 0, 0.25, "module:a", RUN),
        SavedTest(NodeId("b.py::test_y"), 1, 1, 0.25, "", RUN),
    )


def test_the_reason_to_leave_a_test_is_kept():
    saved = load_plan(save_plan(plan_of("a.py::test_x", leave="quarantined"), 1, ""))
    assert saved.tests[0].verdict == Verdict("leave", "quarantined")


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_node_id_survives(nodeids):
    saved = load_plan(save_plan(plan_of(*nodeids), 1, ""))
    assert [test.nodeid for test in saved.tests] == nodeids


def test_the_digest_of_a_collection_counts_repeated_tests_and_no_addresses():
    assert collection_digest(["a", "a"]) != collection_digest(["a"])
    assert collection_digest(["t[<o at 0x7f01>]"]) == collection_digest(["t[<o at 0x7f02>]"])


def test_the_digest_of_the_inputs_sees_a_changed_duration_and_set_up():
    assert inputs_digest(lasting(1.0), {}) != inputs_digest(lasting(1.1), {})
    assert inputs_digest(lasting(1.0), {}) != inputs_digest(lasting(1.0), {"module:a": 1.0})


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '"x"', "[" * 100_000, '{"nexus_plan":0}'])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(PlanError, match="NX452"):
        load_plan(text)


def test_a_plan_of_a_later_version_asks_for_an_upgrade():
    with pytest.raises(PlanError, match="upgrade pytest-nexus-ci"):
        load_plan('{"nexus_plan": 2}')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shards", 0),
        ("shards", 10**30),
        ("shards", True),
        ("tests", {}),
        ("tests", [1]),
        ("tests", []),
        ("collection", "0" * 16),
        ("run_id", 7),
        ("inputs", None),
        ("plan", "x" * 1000),
    ],
)
def test_a_damaged_head_is_refused(name, value):
    document = json.loads(save_plan(plan_of("a.py::test_x"), 2, ""))
    with pytest.raises(PlanError, match="damaged"):
        load_plan(json.dumps(document | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nodeid", "b.py::test_other"),
        ("nodeid", "x" * 5000),
        ("nodeid", None),
        ("shard", 3),
        ("shard", 0),
        ("shard", "1"),
        ("rank", 2),
        ("rank", 1),
        ("rank", -1),
        ("seconds", "1"),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("seconds", True),
        ("block", 5),
        ("action", "skip"),
        ("reason", ["x"]),
    ],
)
def test_a_damaged_test_is_refused(name, value):
    document = json.loads(save_plan(plan_of("a.py::test_x", "a.py::test_y"), 2, ""))
    document["tests"][0][name] = value
    with pytest.raises(PlanError, match=r"damaged|not a plan"):
        load_plan(json.dumps(document))


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_hostile_rows_are_refused_not_crashed_on(value):
    document = json.loads(save_plan(plan_of("a.py::test_x"), 2, ""))
    document["tests"] = [value]
    with pytest.raises(PlanError):
        load_plan(json.dumps(document))


def test_seconds_are_clamped():
    document = json.loads(save_plan(plan_of("a.py::test_x"), 2, ""))
    document["tests"][0]["seconds"] = 1e300
    assert load_plan(json.dumps(document)).tests[0].seconds == 7 * 86_400


def test_unknown_fields_are_skipped():
    document = json.loads(save_plan(plan_of("a.py::test_x"), 2, ""))
    document["later"] = document["tests"][0]["later"] = {"x": 1}
    assert len(load_plan(json.dumps(document)).tests) == 1


def test_a_selection_is_kept_with_the_tests_that_it_spares() -> None:
    selected = Selected("shadow", "confidence:99%", 0.99, 3.25, "why", frozenset({1}))
    saved = load_plan(save_plan(plan_of("a.py::x", "b.py::y"), 1, "", selected=selected))
    assert saved.selected == selected._replace(spared=frozenset())
    assert [test.is_spared for test in saved.tests] == [False, True]
    plain = Selected("on", "budget:5m", None, inf)
    saved = load_plan(save_plan(plan_of("a.py::x"), 1, "", selected=plain))
    assert saved.selected == plain._replace(gap=None)
    assert load_plan(save_plan(plan_of("a.py::x"), 1, "")).selected is None


@pytest.mark.parametrize(
    "change",
    [{"mode": "off"}, {"rule": None}, {"gap": "1"}, {"confidence": []}, {"why": 1}],
    ids=str,
)
def test_a_selection_that_nobody_wrote_is_refused(change: dict[str, object]) -> None:
    content = json.loads(save_plan(plan_of("a.py::x"), 1, ""))
    content["selection"] = {"mode": "on", "rule": "x", **change}
    with pytest.raises(PlanError, match="NX453"):
        load_plan(json.dumps(content))
