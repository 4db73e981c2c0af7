"""A project in which every text that somebody else may have written is a hostile one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_nexus.predictor.model.document import dump, load, version

from pytest_nexus.domain.records import Change, ChangedFile, CIRun, Failure
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Outcome, Run

TEST = "def test_x(): pass\n"


def fill_history(path: Path, text: str) -> str:
    """Write a history of flaky, broken and fork runs, and a model; return the model's version."""
    failure = Failure("call", text, text, text, text)
    with open_history(path) as history:
        for number in range(1, 9):
            outcomes: list[Outcome] = ["failed", "passed"] if number % 2 else ["passed"]
            attempts = [
                attempt(key, outcome, number=at, failure=failure if outcome == "failed" else None)
                for key in (text, f"t/test_a.py::{text}", f"::error::{text}")
                for at, outcome in enumerate(outcomes, 1)
            ]
            attempts.append(attempt(f"broken{text}", "failed", failure=failure))
            ingest_run(history, _run(number, text), attempts)
        forked = _run(9, text)._replace(trust="fork", head="b" * 40)
        ingest_run(history, forked, [attempt(text)])
        shipped = load(forecaster.prior())
        document = dump(type(shipped)(dict(shipped.weights), card={"kind": text, text: text}))
        words = json.dumps({"inputs": [{"name": text, "facets": {}}], text: text})
        made = Version(version(document), text, 5.0, document, words, json.dumps({text: text}))
        history.models.add(made)
        history.note_artifact("octo/repo", 1, "failed", text)
    return made.version


def _run(number: int, text: str) -> Run:
    change = Change(text, text, text, files=(ChangedFile(text, "M", 1, 1, text),), note=text)
    return run(number, 1e9 + number)._replace(
        change=change, ci=CIRun(text, text, number, 1, text, text, text), python=text, pytest=text,
        platform=text, selected_by=(text,), exit_status=1, duration_s=2.0,
    )  # fmt: skip


def journal(uid: int, text: str, *, is_cut: bool = False) -> bytes:
    """A journal of the first of two shards; every text in it is this one."""
    head: dict[str, Any] = {
        "kind": "run", "schema": 1, "nexus": text, "run_uid": f"{uid:032x}",
        "started_at": 5.0 + uid, "commit": text, "branch": text, "base": text, "dirty": False,
        "files": [{"path": text, "status": "M", "added": 1, "deleted": 1, "old_path": text}],
        "ci": {"provider": text, "run_id": text, "run_number": 1, "run_attempt": 1,
               "workflow": text, "job": text, "event": text},
        "python": text, "pytest": text, "platform": text, "workers": 0, "selected_by": [text],
    }  # fmt: skip
    failure = {"phase": "call", "exception": text, "where": text, "message": text,
               "signature": text}  # fmt: skip
    lines: list[dict[str, Any]] = [
        head,
        {"kind": "plan", "shard": 1, "shards": 2, "plan": text, "collection": text,
         "ci_run": text},
        {"kind": "verdicts", "action": "leave", "reason": text, "tests": [f"b.py::{text}"]},
        {"kind": "verdicts", "action": "run", "reason": text, "shard": 1,
         "tests": [text, f"a.py::{text}"]},
        *(
            {"kind": "attempt", "nodeid": nodeid, "key": text, "function": text, "at": 0.0,
             "call": ["failed", 1.0], "worker": text, "failure": failure}
            for nodeid in (text, f"a.py::{text}", f"c.py::{text}")
        ),
        {"kind": "end", "duration": 2.0, "exit_status": 1, "complete": True},
    ]  # fmt: skip
    if is_cut:
        lines[0] = head | {"run_uid": text}
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def quarantine(text: str) -> str:
    """A quarantine file; what TOML allows in a text."""
    quoted = json.dumps("".join(char if char.isprintable() else " " for char in text))
    return (
        f"[[quarantine]]\nid = {json.dumps('a.py::' + text)}\nreason = {quoted}\nowner = {quoted}\n"
        "since = 2020-01-01\nuntil = 2020-02-01\n"
    )
