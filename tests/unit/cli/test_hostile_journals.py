"""What journals of strangers say, in every text that they may hold, is shown and obeyed nowhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from tests.support.github_server import FORK_ID, REPOSITORY_ID, GitHubServer, zipped

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

EVIL = (
    "::error::pwned", "::set-output name=x::y", "\r\n::add-mask::a\n::stop-commands::t",
    "\x1b]0;title\x07\x1b[31mred\x1b[0m", "a\u202etxt.exe\u2066\u200b", "|a|`b`<img src=x on=y>",
    "<!-- pytest-nexus report: tests -->", "](https://evil.example) @octocat #1", "\x00\x85\u2028z",
    "x" * 70_000, "</code></details>\n\n# big", "%0A::error::z",
)  # fmt: skip
CALLS = (
    ("report", "journals"),
    ("report", "journals", "--github", "--comment"),
    ("report", "journals", "--format=ctrf"),
    ("report", "journals", "--format=json"),
    ("report", "journals", "--format=prometheus"),
    ("verify", "journals"),
    ("verify", "journals", "--json"),
    ("history", "import", "journals"),
    ("history", "show"),
    ("history", "show", "--json"),
    ("flaky", "list"),
    ("quarantine", "list"),
    ("history", "pull"),
)
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u202a-\u202e\u2066-\u2069]")


def journal(uid: int, text: str) -> bytes:
    """A journal in which every value that may be any text is this one."""
    run = {
        "kind": "run", "schema": 1, "nexus": text, "run_uid": f"{uid:032x}",
        "started_at": 5.0 + uid, "commit": text, "branch": text, "base": text, "dirty": False,
        "files": [{"path": text, "status": "M", "added": 1, "deleted": 1, "old_path": text}],
        "ci": {"provider": text, "run_id": "9", "run_number": 1, "run_attempt": 1,
               "workflow": text, "job": text, "event": text},
        "python": text, "pytest": text, "platform": text, "workers": 0, "selected_by": [text],
    }  # fmt: skip
    plan = {"kind": "plan", "shard": 1, "shards": 2, "plan": text, "collection": text,
            "ci_run": "9"}  # fmt: skip
    verdicts: list[dict[str, Any]] = [
        {"kind": "verdicts", "action": "leave", "reason": text, "tests": [f"b.py::{text}"]},
        {"kind": "verdicts", "action": "run", "reason": text, "shard": 1,
         "tests": [text, f"a.py::{text}"]},
    ]  # fmt: skip
    failure = {"phase": "call", "exception": text, "where": text, "message": text,
               "signature": text}  # fmt: skip
    attempts = [
        {"kind": "attempt", "nodeid": nodeid, "key": text, "function": text, "at": 0.0,
         "call": ["failed", 1.0], "worker": text, "failure": failure}
        for nodeid in (text, f"a.py::{text}", f"c.py::{text}")
    ]  # fmt: skip
    healed = {"kind": "attempt", "nodeid": text, "key": text, "number": 2, "at": 1.0,
              "call": ["passed", 1.0]}  # fmt: skip
    end = {"kind": "end", "duration": 2.0, "exit_status": 1, "complete": True}
    lines = [run, plan, *verdicts, *attempts, healed, end]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture(params=range(len(EVIL)), ids=lambda at: ascii(EVIL[at])[:24])
def evil(request: pytest.FixtureRequest) -> str:
    return EVIL[request.param]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: str) -> Path:
    """A folder with a hostile journal, and a repository with more of them."""
    (tmp_path / "journals").mkdir()
    (tmp_path / "journals" / "a.jsonl").write_bytes(journal(1, evil))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.mark.usefixtures("here")
def test_no_command_prints_what_a_terminal_or_a_runner_would_obey(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], evil: str
) -> None:
    with GitHubServer() as server:
        for uid, owner in enumerate((REPOSITORY_ID, FORK_ID), 7):
            server.put(zipped({"a.jsonl": journal(uid, evil)}), head_repository_id=owner)
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        for call in CALLS:
            main(call)
            said = capsys.readouterr()
            text = said.out + said.err
            assert not CONTROLS.search(text.replace("\t", " ")), (call, text[:2000])
            obeyed = re.findall(r"(?m)^\s*::(?!error (?:file|title)=).*", text)
            assert not obeyed, (call, obeyed)
            assert "Traceback" not in text


def test_outputs_and_summary_hold_nothing_of_it_raw(here: Path, evil: str) -> None:
    main(("report", "journals", "--github"))
    outputs = (here / "GITHUB_OUTPUT").read_text("utf-8").splitlines()
    assert [line.partition("=")[0] for line in outputs] == [
        "verdict", "good", "new-failures", "known-failures", "flaky", "quarantined",
    ]  # fmt: skip
    summary = (here / "GITHUB_STEP_SUMMARY").read_text("utf-8")
    assert len(summary.encode()) <= 1024 * 1024
    assert not CONTROLS.search(summary)
    shown = re.sub(r"</?(?:code|sub|details|summary)>|`[^`|<@]*`", "", summary)
    assert not set("<`@") & set(shown)
    assert evil not in shown
