"""Every file that names an action names the release in the table, and all of it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.action.pins import PINS
from tests.action.values import load
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DEPENDABOT = REPOSITORY / ".github" / "dependabot.yml"
_SUFFIXES = {".yml", ".yaml", ".md", ".py", ".toml", ".cfg", ".txt"}
_USES = re.compile(r"uses:[ \t]*[\"']?([\w.-]+/[\w./-]+@\S+?)[\"']?((?:[ \t]+#.*)?)$", re.MULTILINE)
_OWN = ("pytest-nexus/pytest-nexus", "owner/name", "octo/repo")


def _files() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:  # an unpacked archive
        return [one for one in REPOSITORY.rglob("*") if ".venv" not in str(one)]
    return [REPOSITORY / name for name in done.stdout.splitlines()]


def named(text: str) -> list[str]:
    """Return the foreign actions that a text names, with the comment on their line."""
    found = [f"{uses}{comment}" for uses, comment in _USES.findall(text)]
    return [one for one in found if not one.startswith(_OWN)]


def strangers(text: str) -> list[str]:
    """Return those of them that are not as in the table."""
    return [
        one
        for one in named(text)
        if re.sub(r"^([\w.-]+/[\w.-]+)(/[\w./-]+)?@", r"\1@", one)
        not in {pin.line for pin in PINS.values()}
    ]


def test_every_file_names_the_releases_in_the_table() -> None:
    naming = {}
    for path in _files():
        if path.suffix in _SUFFIXES and path.is_file() and path.name != "test_pins.py":
            text = path.read_text("utf-8")
            assert strangers(text) == [], path
            naming[str(path.relative_to(REPOSITORY))] = len(named(text))
    assert {name for name, count in naming.items() if count} == {
        ".github/workflows/ci.yml",
        ".github/workflows/nexus.yml",
        ".github/workflows/release.yml",
        "action.yml",
        "docs/how-to/github-action.md",
        "docs/how-to/shard-in-ci.md",
        "docs/how-to/shared-queue.md",
    }


@pytest.mark.parametrize(
    "line",
    [
        "uses: actions/checkout@v5",
        "- uses: actions/cache/restore@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0",
        "uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
        f"uses: {PINS['actions/checkout'].reference} # v7.0.1",
        "uses: 'actions/setup-python@main'",
        "uses: someone/else@v1",
    ],
)
def test_another_release_is_found(line: str) -> None:
    assert len(strangers(f"steps:\n  - {line}\n    with: x\n")) == 1


def test_every_action_in_the_table_is_in_use() -> None:
    used = {one for path in _files() if path.suffix == ".yml" for one in named(path.read_text())}
    assert {one.partition("@")[0].split("/")[1] for one in used} == {
        name.split("/")[1] for name in PINS
    }


@pytest.mark.parametrize("pin", PINS.values(), ids=lambda pin: pin.name)
def test_pin_is_a_full_commit_of_a_full_version_that_needs_no_older_node(pin) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", pin.commit)
    assert re.fullmatch(r"v\d+\.\d+\.\d+", pin.version)
    assert "node24" in pin.notes or pin.notes.startswith("no Node: ")


def test_dependabot_asks_for_newer_actions() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.dependabot"]
    done = subprocess.run([*command, str(DEPENDABOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (update,) = load(DEPENDABOT.read_text("utf-8"))["updates"]
    assert (update["package-ecosystem"], update["directory"]) == ("github-actions", "/")
    assert update["cooldown"]["default-days"] >= 7
