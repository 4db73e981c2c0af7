"""The page holds the facts, allows its own script alone, and no value of it is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.report.dashboard.assets import read_script, read_shell, read_style
from pytest_nexus.report.dashboard.columns import compact, pack_strip, page_values
from pytest_nexus.report.dashboard.page import build_page, embedded_json
from tests.support.made_facts import HOSTILE, NEWEST, made_facts

ROOT = Path(__file__).parents[4]
ASSETS = ROOT / "pytest_nexus" / "report" / "dashboard" / "assets"


class Parsed(HTMLParser):
    """The elements of a page, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, _: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in {"script", "style", "title"}:
            self.texts.append((self._open, data))

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(scope="module")
def hostile() -> str:
    return build_page(made_facts(hostile=True), "</title><script>{{facts}}", NEWEST)


def facts_in(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Parsed(page).inside("script")[0])
    return found


def test_page_has_the_elements_of_its_shell_and_no_other(hostile: str) -> None:
    assert [tag for tag, _ in Parsed(hostile).tags] == [tag for tag, _ in Parsed(read_shell()).tags]


def test_page_names_nothing_that_a_browser_would_fetch(hostile: str) -> None:
    for tag, attributes in Parsed(hostile).tags:
        assert tag not in {"link", "img", "iframe", "object", "base", "form"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import", read_style())


def test_policy_allows_the_script_and_the_style_by_their_hashes(hostile: str) -> None:
    parsed = Parsed(hostile)
    (policy,) = (given["content"] or "" for _, given in parsed.tags if "http-equiv" in given)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    (style,) = parsed.inside("style")
    for rule, text in (("script-src", parsed.inside("script")[1]), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_script_shows_values_as_text_alone() -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )
    for path in ASSETS.rglob("*.js"):
        assert not re.search(forbidden, path.read_text("utf-8")), path.name
    assert "</script" not in read_script().lower()
    assert "<!--" not in read_script()


def test_hostile_names_come_back_as_they_were(hostile: str) -> None:
    tests = facts_in(hostile)["tests"]
    keys = [
        tests["paths"][at] + name for at, name in zip(tests["path"], tests["name"], strict=True)
    ]
    assert keys[: len(HOSTILE)] == list(HOSTILE)


def test_title_is_cut_escaped_and_visible() -> None:
    page = build_page(made_facts(), "<b>\u202e" + "x" * 1000, NEWEST)
    (title,) = Parsed(page).inside("title")
    assert title == f"<b>?{'x' * 76} · nexus"


@given(st.text())
def test_embedded_json_is_ascii_without_markup(text: str) -> None:
    found = embedded_json([text])
    assert found.isascii()
    assert not set("<>&") & set(found)
    assert json.loads(found) == [text]


@given(st.text(alphabet=".FERsxX?", max_size=60))
def test_packed_strip_says_the_same(strip: str) -> None:
    packed = pack_strip(strip)
    assert re.sub(r"([A-Za-z.?])(\d+)", lambda m: m[1] * int(m[2]), packed) == strip
    assert len(packed) <= len(strip)


def test_numbers_keep_six_digits_and_counts_all() -> None:
    assert compact([1.23456789, 123_456_789, 1_795_766_400.7, float("inf")]) == [
        *(1.23457, 123_456_789, 1_795_766_401, None),
    ]


def test_details_are_found_by_the_place_of_their_test() -> None:
    facts = made_facts()
    values = page_values(facts)
    for place, detail in values["details"].items():
        assert facts.suite.tests[place].key == detail["key"]
    assert len(values["details"]) == len(facts.suite.details)


def test_findings_of_the_model_check_keep_their_names() -> None:
    (finding,) = page_values(made_facts())["model"]["drift"]["findings"]
    assert finding["subject"] == "age"


def test_page_of_ten_thousand_tests_fits_into_three_megabytes() -> None:
    assert len(build_page(made_facts(10_000), "project", NEWEST).encode()) <= 3_000_000


@pytest.mark.parametrize(
    "folder", [ASSETS / "vendor", ROOT / "tests" / "browser" / "vendor"], ids=["uPlot", "axe"]
)
def test_files_of_others_are_unchanged_and_have_their_licence(folder: Path) -> None:
    readme = (folder / "README.md").read_text("utf-8")
    noted = dict(re.findall(r"^\| `(.+)` \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
    files = {path.name: path for path in folder.iterdir() if path.name != "README.md"}
    assert noted.keys() == files.keys()
    assert any(name.endswith(".LICENSE") for name in files)
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == noted[name], name
