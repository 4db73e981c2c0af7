"""What any command and any session of ours prints, read as GitHub's runner reads a step's log."""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import build_parser, main
from tests.support.github_server import FORK_ID, GitHubServer, zipped
from tests.support.project import REPOSITORY, Project
from tests.support.runner_log import OTHER_CI, obeyed
from tests.support.samples import write_project
from tests.support.strangers import TEST, fill_history, journal, quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = (
    "::error::a\n::set-output name=b::c\r::warning::d\x85::debug::e\u2028::notice::f ##[error]g "
    "###[group]h\x1b[31m#\ufe0f#[error]i ##vso[task.setvariable variable=j]k ##teamcity[l]"
)
TEXTS = ("##[add-mask]a", "\xa0\ufe0f::stop-commands::t", LINES)
JOURNALS = ("journals/1.jsonl", "journals/2.jsonl")
CALLS = {
    "completion": [["bash"], ["{text}"]],
    "history show": [[], ["--json"], ["--history", "{text}"]],
    "history import": [["journals", "junit", "broken"], ["{text}"], ["broken", "--json"]],
    "history pull": [[], ["--json"], ["--repository", "{text}"], ["--trusted-branch", "{text}"]],
    "history push": [["--to={text}"], ["--to=postgresql://{text}@127.0.0.1:1/x?schema={text}"]],
    "history merge": [["other.sqlite3"], ["{text}"], ["{file}"]],
    "history export": [["out/{file}.sqlite3"], ["slim.sqlite3", "--slim"]],
    "history prune": [["--keep-runs", "7"], ["--keep-runs", "{text}"]],
    "history rebuild": [[]],
    "history check": [[], ["--json"]],
    "sql": [[], ["select * from attempts"], ["select * from failures", "--json"], ["{text}"],
            ["select * from runs", "--format=csv"], ["--data={file}", "select 1"]],
    "plan": [["--shards=2"], ["--shards=2", "--json"], ["--shards={text}"],
             ["--shards=2", "--", "broken/test_broken.py"], ["--shards=2", "--output={file}/x"]],
    "run": [[], ["--plan", "plan.json", "--shard=1/2"], ["--name={text}"], ["--shard={text}"]],
    "verify": [["journals"], ["journals", "--json"], ["journals", "--run={text}"], ["{text}"],
               ["broken"], ["journals", "--run=nothing{text}"]],
    "report": [["journals"], ["journals", "--github", "--comment"], ["journals", "--format=ctrf"],
               ["journals", "--format=json"], ["journals", "--format=prometheus"], ["broken"],
               ["journals", "--run=nothing{text}"], ["journals", "--output=out/report.md"]],
    "dashboard": [[], ["--json"], ["--output={file}.html"], ["--output={file}/x", "--runs={text}"]],
    "simulate": [[], ["--json"]],
    "flaky": [[], ["--all"], ["--json"]],
    "flaky show": [["{text}"], ["{text}", "--json"], ["t/test_a.py::{text}"], ["no{text}"]],
    "flaky hunt": [["--runs=1", "tests"], ["--runs=1", "broken/test_broken.py"],
                   ["--runs=1", "--json", "tests"], ["--runs={text}"]],
    "order": [[], ["--all"], ["--json"]],
    "order show": [["{text}"], ["{text}", "--json"], ["no{text}"]],
    "bisect": [["t/test_a.py::{text}"], ["{text}", "--good={text}", "--bad={text}", "--json"]],
    "settings list": [[], ["--json"], ["--history={text}"]],
    "settings show": [["{text}"], ["shards", "--json"]],
    "settings diff": [["{text}", "{text}"], ["shards", "shards", "--json"]],
    "settings rollback": [[], ["shards"]],
    "autopilot step": [[], ["--json"], ["--proposals={file}", "--github"], ["--source={text}"]],
    "autopilot status": [[], ["--json"], ["--input={text}"]],
    "autopilot log": [[], ["--json"]],
    "insights": [[], ["--json"], ["--history={text}"]],
    "tune": [[], ["--json"], ["--limit={text}"], ["--history={text}"]],
    "outcome record": [["--commit={text}", "--status=failed", "--environment={text}"]],
    "outcome learn": [[], ["--json"], ["--source={text}"]],
    "outcome list": [[], ["--json"]],
    "outcome escaped": [[], ["--json"]],
    "outcome report": [[], ["--json"], ["--history={text}"]],
    "outcome pull": [["--repository={text}"]],
    "order bisect": [["t/test_a.py::{text}", "--runs=1"], ["no{text}"], ["{text}", "--json"]],
    "order hunt": [["--runs=1", "--", "tests"], ["--runs={text}"]],
    "reuse": [[], ["--json"], ["--history", "{text}"]],
    "reuse status": [[], ["--json"]],
    "reuse audit": [[], ["--json"]],
    "reuse on": [[]],
    "reuse off": [[]],
    "risk": [[], ["--json"], ["--base={text}"]],
    "select": [[], ["--json"], ["--history", "{text}"]],
    "select status": [[], ["--json"]],
    "select simulate": [[], ["--json"], ["--failing={text}"]],
    "select report": [[], ["--json"]],
    "select on": [[]],
    "select off": [[]],
    "cache key": [[], ["--json"], ["--lock={file}"], ["--extra", "{file}"], ["--lock={text}"]],
    "cache report": [[], ["--json"], ["--shard={text}", "--plan={file}"],
                     ["--shard=1/2", "--plan=plan.json"]],
    "cache run": [["--output=out/x", "--", "{text}"], ["--output=../{text}", "--", "x"],
                  ["--output={file}", "--", "python", "-c", "pass"], ["--max-size={text}"]],
    "cache prune": [[], ["--store={file}"]],
    "quarantine add": [["b::{text}", "--reason={text}", "--owner={text}"],
                       ["c::x", "--reason=r", "--owner=o", "--until={text}"]],
    "quarantine remove": [["a.py::{text}"], ["{text}"]],
    "quarantine list": [[], ["--json"], ["--file={file}"]],
    "quarantine check": [[]],
    "quarantine update": [["--dry-run"], ["--max=0", "--dry-run"], ["--owner={text}"]],
    "train": [["--due"], ["--data={text}"], ["--when-green", "--intensity={text}"]],
    "deploy": [["--region={text}"]],
    "deploy push": [["--model={text}", "--region={text}"]],
    "deploy status": [["--region={text}"], ["--json"]],
    "deploy verify": [["--region={text}"]],
    "deploy rollback": [["--region={text}"]],
    "deploy promote": [["--region={text}"], ["--auto"]],
    "deploy judge": [["--region={text}"], ["--json"]],
    "deploy history": [["--region={text}"], ["--json"]],
    "green forecast": [["--zone=DE"], ["--zone={text}"], ["--intensity={text}"]],
    "green report": [[], ["--json", "--by=test"], ["--history", "{text}"], ["--zone={text}"]],
    "green regions": [["--runner-map={text}"], ["--runner-map={file}"]],
    "evaluate": [[], ["--json"], ["--data={text}"]],
    "model list": [[], ["--json"]],
    "model history": [[], ["--json"]],
    "model show": [["{model}"], ["{model}", "--json"], ["{text}"]],
    "model diff": [["shipped", "{model}"], ["{text}", "shipped"]],
    "model promote": [["{model}"], ["{text}"]],
    "model rollback": [[]],
    "model export": [["{model}", "--output=out/{file}"]],
    "model import": [["{file}"], ["{text}"]],
    "model card": [["{model}"]],
    "model check": [[], ["--json"], ["--runs", "30"]],
    "explain": [["{text}"], ["{text}", "--json"], ["t/test_a.py::{text}"], ["no{text}"],
                ["{text}", "--base={text}"]],
    "status": [[], ["--json"], ["--history", "{text}"]],
    "doctor": [[], ["--json"], ["--history", "{text}"]],
    "init": [["--force"], ["--branch={text}"], ["--uses={text}"]],
    "demo": [["--data=samples", "--json"]],
}  # fmt: skip
"""Arguments by command; a command that is not named here fails the first test."""

DAMAGED = ("history show", "flaky", "explain", "model list", "report")


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """The commands that can be called, as they are typed."""
    if parser.get_default("run") is not None:
        yield name
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                yield from leaves(sub, f"{name} {word}".strip())


def test_every_command_is_called_here() -> None:
    assert set(leaves(build_parser())) == set(CALLS)


def test_nothing_but_one_module_prints() -> None:
    """What is printed past it would be obeyed."""
    found = []
    for path in itertools.chain(*(REPOSITORY.glob(f"{name}/**/*.py") for name in PACKAGES)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_print = isinstance(node, ast.Name) and node.id == "print"
            is_stream = isinstance(node, ast.Attribute) and node.attr in (
                "stdout", "stderr", "__stdout__", "__stderr__",
            ) and isinstance(node.value, ast.Name) and node.value.id == "sys"  # fmt: skip
            if is_print or is_stream:
                found.append((path.relative_to(REPOSITORY).as_posix(), ast.unparse(node)))
    allowed = {
        ("pytest_nexus/domain/system/console.py", "print"),
        ("pytest_nexus/domain/system/console.py", "sys.stderr"),
        ("pytest_nexus/cli/main.py", "sys.stdout"),  # its errors, and that it was closed
        ("pytest_nexus/domain/system/display.py", "sys.stdout"),  # whether it is a terminal
        ("pytest_nexus/domain/system/display.py", "sys.stderr"),  # the same
        ("pytest_nexus/cli/output/tables.py", "sys.stdout"),  # the same
        ("pytest_nexus/cli/arguments/parser.py", "sys.stderr"),  # usage and help of our own
        ("pytest_nexus/session/error_boundary.py", "sys.stderr"),  # without a terminal
        ("pytest_nexus/plugin.py", "sys.stderr"),  # the same
    }
    assert set(found) <= allowed


PACKAGES = ("pytest_nexus", "predictor")


@pytest.fixture(params=range(len(TEXTS)), ids=["bracket", "colons", "lines"])
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


@pytest.fixture
def file_name(text: str) -> str:
    """What a file system takes of it."""
    return text.replace("/", "-")[:120]


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, file_name: str
) -> Iterator[Path]:
    """A project in which every text that a stranger may have written is a hostile one."""
    root = tmp_path / "project"
    for folder in ("journals", "junit", "broken", "tests", "out", "samples"):
        (root / folder).mkdir(parents=True)
    (root / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (root / "tests" / "test_x.py").write_text(TEST)
    (root / "broken" / "test_broken.py").write_text(f"raise ValueError({text!r})\n", "utf-8")
    for uid, name in enumerate(JOURNALS, 1):
        (root / name).write_bytes(journal(uid, text))
    (root / "broken" / f"{file_name}.jsonl").write_bytes(journal(3, text, is_cut=True))
    (root / "broken" / "empty.jsonl").write_bytes(json.dumps({"kind": text}).encode())
    (root / "broken" / "x.xml").write_text(f"<{text}", "utf-8")
    case = '<testcase classname="a" name="{0}"><failure message="{0}">{0}</failure></testcase>'
    tame = "".join(char for char in text if char.isprintable() or char in "\r\n\x85\u2028")
    (root / "junit" / "a.xml").write_text(
        f"<testsuite>{case.format(tame.replace('<', ''))}</testsuite>", "utf-8"
    )
    (root / file_name).write_text(json.dumps({"format": text, "schema": text}), "utf-8")
    (root / "nexus-quarantine.toml").write_text(quarantine(text), "utf-8")
    (root / "plan.json").write_text(json.dumps({"nexus_plan": 1, "shards": text}))
    write_project(root / "samples", "calculator")
    monkeypatch.chdir(root)
    for name in ("NEXUS_HISTORY", "NEXUS_JOURNAL", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    with GitHubServer() as server:
        for uid, owner in enumerate((42, FORK_ID), 7):
            server.put(zipped({"a.jsonl": journal(uid, text)}), head_repository_id=owner)
        server.put(zipped({"a.jsonl": journal(9, text, is_cut=True)}), name=f"nexus-journal-{text}")
        server.put(text.encode())
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        yield root


SLOW = {
    "completion", "demo", "evaluate", "explain", "flaky hunt", "order bisect", "order hunt", "plan",
    "quarantine remove", "run", "simulate", "train",
}  # fmt: skip
"""Commands that take long: each of their calls meets one of the texts, in turn."""


def test_no_text_of_a_stranger_is_obeyed(
    project: Path, text: str, file_name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = fill_history(project / ".nexus" / "history.sqlite3", text)
    fill_history(project / "other.sqlite3", text)
    shutil.copytree(project / ".nexus", project.parent / "kept")
    turn = itertools.cycle(TEXTS)
    for name, calls in CALLS.items():
        for call in calls:
            if name in SLOW and next(turn) != text:
                continue
            given = [part.format(text=text, file=file_name, model=model) for part in call]
            _call([*name.split(), *given])
            _check(capfd, [*name.split(), *given], by_hand=name == "report")


def _call(given: list[str]) -> None:
    with suppress(SystemExit):  # a wrong call, whose error quotes the argument
        main(given)


def _check(capfd: pytest.CaptureFixture[str], given: list[str], *, by_hand: bool) -> None:
    said = capfd.readouterr()
    for printed in (said.out, said.err):
        wrong = [one for one in obeyed(printed) if not (by_hand and _is_annotation(one))]
        assert not wrong, (given, printed[-2000:])
        assert not OTHER_CI.search(printed), (given, printed[-2000:])
        assert "\x1b" not in printed, (given, printed[-2000:])
        assert "Traceback" not in printed, (given, printed[-4000:])
    if "--json" in given or given[-1] in ("--format=json", "--format=ctrf"):
        assert not said.out or json.loads(said.out) is not None


def _is_annotation(one: object) -> bool:
    name, properties, data = one  # type: ignore[misc] # a named tuple
    is_ours = name in ("error", "warning") and properties.keys() <= {"file", "line", "title"}
    return is_ours and "\n" not in data and "\r" not in data


def test_no_text_of_a_stranger_is_obeyed_where_a_history_is_damaged(
    project: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = project / ".nexus" / "history.sqlite3"
    path.parent.mkdir()
    path.write_bytes(text.encode() * 2000)
    for name in DAMAGED:
        given = [text] if name == "explain" else ["journals"] if name == "report" else []
        _call([*name.split(), *given])
        _check(capfd, [name], by_hand=name == "report")


def test_errors_are_one_line_whatever_they_quote(
    project: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    del project
    for given in (["verify", "journals", f"--run=no{text}"], ["explain", text], ["verify", text]):
        assert main(given) == 1
        assert len(capfd.readouterr().err.splitlines()) == 1


def test_values_pass_through_json_unchanged(
    project: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fill_history(project / ".nexus" / "history.sqlite3", text)
    assert main(["flaky", "--json"]) == 0
    assert text in {one["key"] for one in json.loads(capfd.readouterr().out)}


def test_a_session_prints_nothing_of_a_stranger_that_is_obeyed(tmp_path: Path, text: str) -> None:
    project = Project(tmp_path / "project", {"test_x.py": TEST})
    fill_history(project.history_path, text)
    (project.root / "nexus-quarantine.toml").write_text(quarantine(text), "utf-8")
    (project.root / ".nexus" / "journal").mkdir()
    (project.root / ".nexus" / "journal" / f"x-{5:032x}.jsonl").write_bytes(journal(5, text))
    broken = project.root / ".nexus" / "journal" / f"x-{6:032x}.jsonl"
    broken.write_bytes(journal(6, text, is_cut=True))
    plan = project.root / "plan.json"
    plan.write_text(json.dumps({"nexus_plan": 1, "shards": 2, "collection": text, "tests": text}))
    for arguments in (
        ["--nexus-explain"],
        [f"--nexus-plan={plan}", "--nexus-shard=1/2"],
        [f"--nexus-plan={text}".replace("\0", "")],
        [f"--nexus-base={text}"],
        [f"--nexus-order={text}"],
    ):
        done = project.run(*arguments, "-rA")
        said = done.stdout + done.stderr
        assert not obeyed(said), (arguments, said)
        assert not OTHER_CI.search(said), (arguments, said)
        assert "INTERNALERROR" not in said
