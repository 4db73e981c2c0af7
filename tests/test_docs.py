"""The pages say what the code does: what is generated is fresh, what is named exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from docs.generate import stale_pages
from pytest_nexus import api, errors, hookspecs
from pytest_nexus.cli.main import COMMANDS, build_parser
from pytest_nexus.deployment.targets.http_put import TOKEN_VARIABLE
from pytest_nexus.history.sqlite.schema import TABLES
from pytest_nexus.journal.format import KINDS
from pytest_nexus.node.current_model import REGION_VARIABLE
from pytest_nexus.node.signature import KEY_VARIABLES
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.run.fixture_scopes import ALWAYS
from pytest_nexus.session.error_boundary import DEBUG_VARIABLE
from tests.support.project import Project

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-run.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]

_ROOMS = "|".join(path.name for path in (ROOT / "pytest_nexus").iterdir() if path.is_dir())
_MODULE = re.compile(rf"`((?:pytest_nexus|predictor|{_ROOMS})/[\w/]+\.py)`")
_FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_CALL = re.compile(r"^(?:\$ )?(nexus [a-z].*)$|`(nexus [a-z][^`]*)`", re.MULTILINE)
_ELISION = re.compile(r"(?:^|(?<= ))\.\.\.$", re.MULTILINE)
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\b[0-9a-f]{9}\b"), "COMMIT"),
    (re.compile(r"\d+\.\d+(?:e-\d+)?"), "N"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"={3,}"), "="),
)


def test_generated_pages_are_fresh() -> None:
    assert sorted(stale_pages()) == [], "run `make docs`"


def test_every_option_is_documented() -> None:
    page = (REFERENCE / "options.md").read_text("utf-8")
    for option in OPTIONS:
        assert f"## `{option.name}`" in page
        assert f"`{option.flag}`" in page
        assert f"`{option.variable}`" in page


def test_every_command_is_documented() -> None:
    headings = _HEADING.findall((REFERENCE / "command.md").read_text("utf-8"))
    assert {f"`nexus {command.name}`" for command in COMMANDS} <= set(headings)
    assert set(headings[1:]) == {f"`{name}`" for name in _parsers()}


def test_every_kind_and_field_of_the_journal_is_documented() -> None:
    page = (REFERENCE / "journal.md").read_text("utf-8")
    for kind in KINDS:
        section = page.partition(f"## `{kind.name}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{field.shown}` |" in section for field in kind.fields)


@pytest.mark.parametrize("name", sorted(api.STABLE))
def test_stable_methods_exist_and_are_documented(name: str) -> None:
    page = (REFERENCE / "api.md").read_text("utf-8")
    section = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| `(\w+)\(", section, re.MULTILINE)
    assert tuple(shown) == api.STABLE[name]
    assert all(callable(getattr(getattr(api, name), each)) for each in shown)


def test_every_hook_and_name_of_the_api_is_documented() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("pytest_nexus_")]
    for page, names in (("hooks.md", hooks), ("api.md", api.__all__)):
        headings = _HEADING.findall(_FENCE.sub("", (REFERENCE / page).read_text("utf-8")))
        assert headings[1:] == [f"`{name}`" for name in names]


def test_every_table_of_the_history_is_documented() -> None:
    page = (REFERENCE / "schema.md").read_text("utf-8")
    assert all(f"CREATE TABLE {table} (" in page for table in TABLES)


def test_every_class_of_messages_is_documented() -> None:
    page = (REFERENCE / "messages.md").read_text("utf-8")
    classes = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert [name for name in classes if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_relative_links_resolve(page: Path) -> None:
    for target in _LINK.findall(_without_code(page.read_text("utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_option_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    flags = {option.flag for option in OPTIONS} | {
        option.off_flag for option in OPTIONS if option.kind == "bool"
    }
    assert set(re.findall(r"(?<![\w-])--(?:no-)?nexus[\w-]*", text)) <= flags
    names = {option.name for option in OPTIONS} | {ALWAYS}
    assert set(re.findall(r"\bnexus_[a-z]\w*", text)) <= names
    variables = {option.variable for option in OPTIONS} | {
        DEBUG_VARIABLE,
        REGION_VARIABLE,
        TOKEN_VARIABLE,
        *KEY_VARIABLES,
    }
    assert set(re.findall(r"\bNEXUS_[A-Z]\w*", text)) <= variables


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_module_named_exists(page: Path) -> None:
    """A path stands from the root of the repository, or from one of the two packages."""
    for name in _MODULE.findall(page.read_text("utf-8")):
        places = [ROOT / base / name for base in ("", "pytest_nexus", "predictor")]
        assert any(place.is_file() for place in places), name


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_named_exists(page: Path) -> None:
    parsers = _parsers()
    for match in _CALL.finditer(page.read_text("utf-8")):
        words = (match[1] or match[2]).partition("  ")[0].split()
        name = " ".join(words[:2])
        if f"{name} {' '.join(words[2:3])}".strip() in parsers:
            name = f"{name} {' '.join(words[2:3])}".strip()
        assert name in parsers, match[0]
        own = words[: words.index("--")] if "--" in words else words  # the rest is for pytest
        flags = {flag for flag in own if flag.startswith("--")}
        known = {flag for action in parsers[name]._actions for flag in action.option_strings}
        assert {flag.rstrip("`,.;") for flag in flags} <= known, match[0]


def test_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """The order follows measured times, so a session that another program holds up is no proof."""
    for attempt in (1, 2):
        try:
            return _follow_tutorial(tmp_path / str(attempt))
        except AssertionError:
            continue
    return _follow_tutorial(tmp_path / "last")


def _follow_tutorial(folder: Path) -> None:
    shop = Project(folder / "shop")
    for language, name, body in _FENCE.findall(TUTORIAL.read_text("utf-8")):
        if name:
            shop.write({name: body})
        elif language == "console":
            _run_console(shop, body)


def _run_console(shop: Project, body: str) -> None:
    names = {f"GIT_{role}_NAME": "you" for role in ("AUTHOR", "COMMITTER")}
    addresses = {f"GIT_{role}_EMAIL": "you@example.org" for role in ("AUTHOR", "COMMITTER")}
    environment = shop.environment(
        **names, **addresses, PYTEST_DISABLE_PLUGIN_AUTOLOAD=None, PYTHONDONTWRITEBYTECODE="1"
    )
    for session in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        words = shlex.split(command)
        module = {"pytest": ["pytest"], "nexus": ["pytest_nexus.cli.main"]}.get(words[0])
        done = subprocess.run(
            [sys.executable, "-m", *module, *words[1:]] if module else words,
            cwd=shop.root, env=environment, capture_output=True, check=False,
            text=True, encoding="utf-8", timeout=60,
        )  # fmt: skip
        assert _looks_like(expected, done.stdout), f"$ {command}\n{done.stdout}{done.stderr}"


def _looks_like(expected: str, got: str) -> bool:
    """Whether an output is as printed on a page: `...` is any text, times and commits differ."""
    first, *others = _ELISION.split(_steady(expected))
    left = _steady(got)
    if not left.startswith(first):
        return False
    left = left[len(first) :]
    for part in others:
        _, found, left = left.partition(part) if part else ("", True, "")
        if not found:
            return False
    return not left


def _steady(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.strip()


@cache
def _parsers() -> dict[str, ArgumentParser]:
    """Every command by its full name."""
    found: dict[str, ArgumentParser] = {}

    def add(name: str, parser: ArgumentParser) -> None:
        found[name] = parser
        for action in parser._actions:
            if isinstance(action, _SubParsersAction):
                for word, sub in action.choices.items():
                    add(f"{name} {word}", sub)

    add("nexus", build_parser())
    return found


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["reference/messages.md", "explanation/architecture.md"])
def test_tables_of_parts_name_each_part_once(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    parts = re.findall(r"^\| (`\w+/`|NX\d…) \|", text, re.MULTILINE)
    assert len(parts) > 5
    assert [part for part, times in Counter(parts).items() if times > 1] == []
