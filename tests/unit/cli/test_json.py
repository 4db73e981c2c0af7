"""Every command that reads prints JSON for a program; a new command cannot be forgotten."""

from __future__ import annotations

import json
from argparse import ArgumentParser, _SubParsersAction
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import COMMANDS, build_parser, main
from tests.support.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.process

WRITES = {
    "history merge", "history export", "history prune", "history rebuild",
    "model promote", "model rollback", "model export", "model import",
    "quarantine add", "quarantine remove", "init", "reuse on", "reuse off",
    "cache prune", "deploy rollback", "deploy promote",
    "select on", "select off", "outcome record", "settings rollback",
}  # fmt: skip
"""Commands that change something and print what they did in a line."""

FOR_OTHERS = {"run", "completion", "cache run"}
"""The output is pytest's own, of another command, or for a shell."""

NEEDS_NETWORK = {"history pull", "history push", "outcome pull"}

NEEDS_REPOSITORY = {"bisect"}
"""Without commits there is nothing to answer; tests/process/test_culprit.py has some."""

NEEDS_LEARNED = {"settings show", "settings diff"}
"""A history that has learned nothing has no answer; test_autopilot.py has some."""

NEEDS_OTHERS = NEEDS_REPOSITORY | NEEDS_LEARNED

ARGUMENTS = {
    "sql": ["select count(*) from attempts"],
    "explain": ["test_a.py"],
    "flaky show": ["test_a.py"],
    "flaky hunt": ["test_a.py", "--runs", "1"],
    "order bisect": ["test_a.py::test_x", "--runs", "1"],
    "order hunt": ["--runs", "1"],
    "plan": ["--shards", "2"],
    "model diff": ["shipped", "shipped"],
    "demo": ["--data", "none"],
    "deploy push": ["--max-latency-ms", "10000"],
    "green forecast": ["--zone", "DE"],
    "green regions": ["--runner-map", "map.json"],
}


def leaves(name: str, parser: ArgumentParser) -> Iterator[tuple[str, ArgumentParser]]:
    """Yield every command that can be called, by its name without `nexus`."""
    subs = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not subs or parser.get_default("run") is not None:
        yield name, parser
    for action in subs:
        for word, sub in action.choices.items():
            yield from leaves(f"{name} {word}".strip(), sub)


LEAVES = dict(leaves("", build_parser()))
READS = sorted(LEAVES.keys() - WRITES - FOR_OTHERS)


def test_every_command_is_among_them() -> None:
    assert {name.split()[0] for name in LEAVES} == {command.name for command in COMMANDS}
    assert LEAVES.keys() >= WRITES | FOR_OTHERS | NEEDS_NETWORK | ARGUMENTS.keys()


@pytest.mark.parametrize("name", READS)
def test_every_command_that_reads_has_the_option(name: str) -> None:
    assert "--json" in LEAVES[name]._option_string_actions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(
        tmp_path_factory.mktemp("json") / "project",
        {
            "test_a.py": "def test_x(): assert 0\ndef test_y(): pass\n",
            "nexus.toml": '[deploy.targets]\neu = "place"\n',
            "map.json": '{"eu": {"runs-on": "label", "zone": "NL"}}',
        },
    )
    project.run("--nexus-shard=1/1")
    project.run()
    return project


@pytest.mark.parametrize("name", sorted({*READS} - NEEDS_NETWORK - NEEDS_OTHERS))
def test_the_whole_output_is_one_document(
    made: Project, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "40")
    main([*name.split(), *ARGUMENTS.get(name, []), "--json"])
    said = capsys.readouterr()
    json.loads(said.out)


def test_a_check_of_the_quarantine_names_its_problems(
    made: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(made.root)
    file = tmp_path / "q.toml"
    file.write_text('[[quarantine]]\nid = "gone.py::t"\nreason = "r"\nowner = "o"\n'
                    "since = 2020-01-01\nuntil = 2020-02-01\n")  # fmt: skip
    assert main(["quarantine", "check", "--file", str(file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["entries"] == 1
    assert [one.split(":")[0] for one in found["problems"]] == ["expired", "stale"]
