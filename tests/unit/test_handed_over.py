"""Files that somebody hands over: each is taken, or refused by the one error of its kind."""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.model import document as persist
from pytest_nexus.predictor.model.document import ModelError, dump, load
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Change
from pytest_nexus.errors import JournalError, PlanError, QuarantineError
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.journal.sessions import read_session
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.quarantine.file import parse_quarantine
from pytest_nexus.plan.sharding.document import load_plan, save_plan
from tests.support.builders import collected
from tests.support.examples import scaled
from tests.support.messages import assert_message
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

HUGE = 10**399
NUMBERS = [HUGE, -HUGE, 2**63, -1, 0, 1e308, 0.5, True, None, float("nan"), float("inf")]
TEXTS = ["", "x", "x" * 5000, "\ud800", "\x00", "::error::x", "NaN"]
DEEP = "[" * 100_000
ODD = st.sampled_from([*NUMBERS, *TEXTS, [], {}, [[[]]], {"a": {"b": []}}, [HUGE]])
COLUMN = NAMES.index("rate_2")


def plan_text() -> str:
    tests = [collected(f"t.py::test_{number}") for number in range(3)]
    return save_plan(make_plan(tests, {}, Change()), 2, "0" * 16, "7")


PLAN = json.loads(plan_text())


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each value in a document, as its container and its place there."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for place, inner in items:
        found.append((value, place))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def changed(document: Any, draw: st.DataObject) -> Any:
    """A document with some values replaced or taken away."""
    made = copy.deepcopy(document)
    for _ in range(draw.draw(st.integers(1, 3))):
        container, place = draw.draw(st.sampled_from(places(made)))
        if draw.draw(st.integers(0, 4)) == 0:
            del container[place]
        else:
            container[place] = copy.deepcopy(draw.draw(ODD))
        if not places(made):
            break
    return made


@settings(max_examples=scaled(300))
@given(st.data())
def test_no_plan_does_more_than_be_refused(data: st.DataObject) -> None:
    text = json.dumps(changed(PLAN, data))
    try:
        found = load_plan(text)
    except PlanError:
        return
    assert all(0 <= test.seconds < 1e9 for test in found.tests)


@pytest.mark.parametrize("name", ["seconds", "rank", "shard", "nodeid", "block"])
@pytest.mark.parametrize("number", [HUGE, -HUGE])
def test_integer_larger_than_any_float_is_no_traceback(name: str, number: int) -> None:
    document = copy.deepcopy(PLAN)
    document["tests"][0][name] = number
    if name == "seconds":  # as long as it may be, as a large float is
        assert load_plan(json.dumps(document)).tests[0].seconds in (0.0, 7 * 86_400.0)
    else:
        with pytest.raises(PlanError, match="make it again"):
            load_plan(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    ['{"nexus_plan": %s}' % ("9" * 5000), DEEP, '{"a":' * 50_000, "1e999", "null", "{}", '"x"'],
    ids=["digits", "lists", "objects", "infinite", "null", "empty", "text"],
)
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        load_plan(text)


@pytest.mark.process
def test_session_with_such_a_plan_is_a_usage_error(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"t.py": "def test_0(): pass\n"})
    for at, text in enumerate([json.dumps({**PLAN, "shards": HUGE}), DEEP, "\ud800"]):
        path = project.root / f"plan{at}.json"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        done = project.run("t.py", f"--nexus-plan={path}", "--nexus-shard=1/2")
        assert done.exit_status == 4
        assert "INTERNALERROR" not in done.stdout + done.stderr


def model(*trees: dict[str, Any]) -> str:
    """A document whose digest fits."""
    body = json.loads(dump(Model({"record": 1.0}))) | {"trees": list(trees), "trees_share": 0.5}
    body.pop("digest")
    return json.dumps({**body, "digest": persist._digest(body)})


def tree(left: list[Any], right: list[Any], n_inner: int) -> dict[str, Any]:
    n = len(left)
    return {
        "feature": ["rate_2"] * n_inner + [""] * (n - n_inner), "threshold": [0.5] * n,
        "left": left, "right": right, "value": [1.0] * n,
    }  # fmt: skip


def diamonds(n: int) -> dict[str, Any]:
    """Both children of each node are the next one: 2^n ways lead to the leaf."""
    places = [*range(1, n + 1), -1]
    return tree(places, places, n)


def shared_leaf(n: int) -> dict[str, Any]:
    """A chain whose nodes share one leaf."""
    return tree([*range(1, n), n, -1], [n] * n + [-1], n)


def chain(n: int) -> dict[str, Any]:
    left = [2 * at + 1 if at < n else -1 for at in range(2 * n + 1)]
    made = tree(left, [-1] * (2 * n + 1), 0)
    made["feature"] = ["" if at % 2 and at else "rate_2" for at in range(2 * n + 1)]
    made["left"] = [at + 1 if at % 2 == 0 and at < 2 * n else -1 for at in range(2 * n + 1)]
    made["right"] = [at + 2 if at % 2 == 0 and at < 2 * n else -1 for at in range(2 * n + 1)]
    made["feature"][2 * n] = ""
    return made


@pytest.mark.parametrize(
    ("trees", "reason"),
    [
        ([diamonds(12)], "two parents"),
        ([diamonds(100)], "two parents"),
        ([shared_leaf(40)], "two parents"),
        ([tree([1, -1, -1, -1], [2, -1, -1, -1], 1)], "no parent"),
        ([tree([0, -1], [1, -1], 1)], "no place for its children"),
        ([tree([1.5, -1, -1], [2, -1, -1], 1)], "no place of a node"),
        ([tree([True, -1, -1], [2, -1, -1], 1)], "no place of a node"),
        ([tree([HUGE, -1, -1], [2, -1, -1], 1)], "no place of a node"),
        ([tree(["1", -1, -1], [2, -1, -1], 1)], "no place of a node"),
        ([{**chain(3), "value": [HUGE] * 7}], "int too large|is not between"),
    ],
)
def test_nodes_that_are_no_tree_are_refused_at_once(
    trees: list[dict[str, Any]], reason: str
) -> None:
    started = time.process_time()
    with pytest.raises(ModelError, match=reason):
        load(model(*trees))
    assert time.process_time() - started < 1


def test_largest_model_that_is_taken_scores_at_once() -> None:
    found = load(model(*[chain(30)] * 64))
    started = time.process_time()
    assert found.scores([(0.25,) * len(NAMES)])
    assert time.process_time() - started < 5
    assert found.trees[0] == Tree(*found.trees[0])


@settings(max_examples=scaled(200))
@given(st.data())
def test_no_model_does_more_than_be_refused(data: st.DataObject) -> None:
    document = json.loads(model(chain(2), chain(3)))
    body = changed(document, data)
    if isinstance(body, dict):
        body.pop("digest", None)
        body = {**body, "digest": persist._digest(body)}
    try:
        found = load(json.dumps(body))
    except ModelError:
        return
    found.scores([(0.25,) * len(NAMES)])


@pytest.mark.parametrize("text", [DEEP, model(diamonds(30)), '{"format": %s}' % ("9" * 5000), "x"])
def test_import_of_such_a_model_is_one_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "model.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["history", "import"]) == 0
    capsys.readouterr()
    assert main(["model", "import", "model.json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert_message(line, "NX904", "'model.json'")


ENTRY = '[[quarantine]]\nid = {0}\nreason = {1}\nowner = "o"\nsince = {2}\n'
TOML = [
    "0x" + "f" * 5000, "0o" + "7" * 9000, "9" * 5000, "1e999", "nan", "inf", '"x"', "2026-01-01",
    "2026-01-01T00:00:00", "[" * 3000, "[[[1]]]", "{}", "true", '"\\u0000"', '"a\\nb"',
]  # fmt: skip


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("value", TOML, ids=range(len(TOML)))
def test_no_quarantine_does_more_than_be_refused(at: int, value: str) -> None:
    values = ['"t.py::x"', '"r"', "2026-01-01"]
    values[at] = value
    with suppress(QuarantineError):
        parse_quarantine(ENTRY.format(*values))


JOURNAL = [
    {"kind": "run", "schema": 1, "run_uid": "0" * 32, "started_at": 1.0, "files": [
        {"path": "a", "status": "M", "added": 1, "deleted": 1}], "selected_by": ["-k"],
     "ci": {"provider": "github", "run_id": "1", "run_number": 1}, "workers": 1},
    {"kind": "plan", "shard": 1, "shards": 2, "plan": "p", "collection": "c", "ci_run": "1"},
    {"kind": "verdicts", "action": "run", "reason": "r", "shard": 1, "tests": ["t"]},
    {"kind": "attempt", "nodeid": "t", "number": 1, "at": 0.5, "call": ["failed", 0.5],
     "failure": {"phase": "call", "exception": "e", "where": "w", "message": "m",
                 "signature": "s"}, "worker": "gw1"},
    {"kind": "collection", "collected": 1, "selected": 1},
    {"kind": "end", "duration": 1.0, "exit_status": 0, "complete": True},
]  # fmt: skip


@settings(max_examples=scaled(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_journal_does_more_than_be_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.jsonl"
    lines = changed(JOURNAL, data)
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    try:
        scan_journal(path)
        read_session(path)
    except JournalError:
        return
