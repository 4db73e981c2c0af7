"""The dashboard in a real browser: drawn, silent, quick to use by mouse and keyboard, and safe."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_nexus.domain.safe_text import visible
from pytest_nexus.report.dashboard.page import build_page
from tests.browser.vendored import AXE
from tests.support.chromium import Watched
from tests.support.made_facts import HOSTILE, NEWEST, made_facts

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

SECTIONS = ("now", "suite", "flaky", "model", "selection", "infrastructure", "energy")
N_TESTS = 10_000
CHARTS = """() => [...document.querySelectorAll('section.card:has(> .chart)')].map(card => {
    const [chart, button] = [card.querySelector('.chart'), card.querySelector('header button')];
    const drawn = chart.querySelectorAll('svg, canvas, .bar-row').length;
    button.click();
    const hidden = [chart.hidden];
    const rows = card.querySelectorAll('tbody tr').length;
    button.click();
    hidden.push(chart.hidden);
    const text = name => card.querySelector(name).textContent;
    return {title: text('h2'), foot: text('.foot'), drawn, rows, hidden};
})"""
"""What each chart of the view has; its button is pressed twice."""

ONE = "tests/unit/test_module_000.py::TestThing::test_case_17"
ROUTES = [*(f"/{name}" for name in SECTIONS), f"/test/{quote(ONE, safe='')}"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a suite of 10,000 tests."""
    path = tmp_path_factory.mktemp("large") / "page with a space.html"
    path.write_text(build_page(made_facts(N_TESTS), "project", NEWEST), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page in which names try to be markup."""
    path = tmp_path_factory.mktemp("hostile") / "page.html"
    name = "</title><script>document.title='taken'</script>"
    path.write_text(build_page(made_facts(hostile=True), name, NEWEST), encoding="utf-8")
    return path


def rows(page: Page) -> list[str]:
    """The names of the tests that the window shows, in order."""
    return page.locator("#tests-window tr.item th").all_inner_texts()


def test_every_section_has_a_heading_and_cards(watched: Watched, large: Path) -> None:
    page = watched.open(large)
    for name in SECTIONS:
        watched.go(f"/{name}")
        assert page.locator("nav a[aria-current=page]").inner_text().lower() == name
        assert page.locator("main h1").inner_text()
        assert page.locator("main .card").count() > 0


def test_every_chart_says_its_units_its_newest_data_and_has_a_table(
    watched: Watched, large: Path
) -> None:
    watched.open(large)
    seen = 0
    for route in ROUTES:
        page = watched.go(route)
        for card in page.evaluate(CHARTS):
            seen += 1
            assert card["title"]
            assert "newest data 2026-11-27 08:00 UTC" in card["foot"]
            assert card["drawn"] > 0
            assert card["rows"] > 0
            assert card["hidden"] == [True, False]
    assert seen > 12


def test_only_a_window_of_the_rows_exists(watched: Watched, large: Path) -> None:
    page = watched.open(large, "/suite")
    assert page.locator(".finder output").inner_text() == "10,000 tests"
    assert page.locator("#tests-window table").get_attribute("aria-rowcount") == "10001"
    assert 10 < page.locator("#tests-window tr.item").count() < 100
    page.locator("#tests-window").evaluate("view => { view.scrollTop = view.scrollHeight; }")
    watched.drawn()
    last = page.locator("#tests-window tr.item").last
    assert last.get_attribute("aria-rowindex") == "10001"


def test_words_and_a_status_filter_the_tests(watched: Watched, large: Path) -> None:
    page = watched.open(large, "/suite")
    page.locator("#search").fill("module_042 CASE_4217")
    assert rows(page) == ["tests/unit/test_module_042.py::TestThing::test_case_4217"]
    page.locator("#search").fill("module_042")
    assert page.locator(".finder output").inner_text() == "100 of 10,000 tests"
    page.locator(".finder select").select_option("flaky")
    assert {*page.locator("#tests-window tr.item .badge").all_inner_texts()} == {"flaky"}
    page.locator("#search").fill("nothing of this name")
    assert page.locator(".nothing").is_visible()
    page.locator("#search").press("Escape")
    assert page.locator("#search").input_value() == ""


def test_headings_sort_the_tests_both_ways(watched: Watched, large: Path) -> None:
    page = watched.open(large, "/suite")
    heading = page.locator("#tests-window th[data-column=rank]")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert rows(page)[0].endswith("test_case_0")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert rows(page)[0].endswith("test_case_9999")
    page.locator("#tests-window th[data-column=name] button").click()
    shown = rows(page)
    assert shown == sorted(shown)


def test_keys_lead_from_the_start_to_a_test_and_back(watched: Watched, large: Path) -> None:
    page = watched.open(large)
    page.keyboard.press("/")
    page.keyboard.type("module_007")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#tests-window tr[aria-selected=true] th").inner_text()
    page.keyboard.press("Enter")
    watched.headed(chosen)
    page.keyboard.press("Backspace")
    page.wait_for_selector("#search")
    assert page.locator("#search").input_value() == "module_007"
    page.keyboard.press("4")
    watched.headed("Model")
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


def test_every_link_and_button_can_be_reached_by_tab(watched: Watched, large: Path) -> None:
    page = watched.open(large, "/now")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Skip to the content", "Suite", "Energy", "Keys", "Theme: auto"} <= reached
    assert any("test_case_0" in text for text in reached)


def test_a_deep_link_shows_one_test(watched: Watched, large: Path) -> None:
    page = watched.open(large, f"/test/{quote(ONE, safe='')}")
    assert page.locator("h1").inner_text() == ONE
    titles = page.locator("h2").all_inner_texts()
    assert {"Durations", "Where it changed", "Why it failed", "Fails together with"} <= {*titles}
    page = watched.go("/test/tests%2Fgone.py%3A%3Atest_x")
    assert "No such test" in page.locator("main").inner_text()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 360)])
def test_axe_finds_no_serious_violation(
    browser: Browser, hostile: Path, theme: str, width: int
) -> None:
    window = Watched(browser, width=width, theme=theme)
    page = window.open(hostile)
    page.evaluate(AXE)
    found = []
    for route in ROUTES:
        window.go(route)
        checked = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            (route, each["id"], each["nodes"][0]["html"])
            for each in checked["violations"]
            if each["impact"] in {"serious", "critical"}
        ]
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{route} is {wide} pixels too wide"
    window.close()
    assert (found, window.errors, window.requests) == ([], [], [])


def test_the_theme_of_the_system_counts_until_a_reader_chooses(
    browser: Browser, large: Path
) -> None:
    window = Watched(browser, theme="dark")
    page = window.open(large)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(20, 23, 26)"
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: light"
    assert page.evaluate(background) == "rgb(247, 247, 245)"
    window.close()


def test_hostile_names_are_text(watched: Watched, hostile: Path) -> None:
    page = watched.open(hostile)
    assert page.title().startswith("Now · </title><script>")
    for name in SECTIONS:
        watched.go(f"/{name}")
        assert page.locator("main script, main img, main iframe, main object").count() == 0
    watched.go("/suite")
    page.locator("#tests-window th[data-column=rank] button").click()
    shown = rows(page)
    assert HOSTILE[0] in shown
    assert HOSTILE[2] in shown
    assert not any("\u202e" in name or "\u2066" in name for name in shown)
    assert page.evaluate("document.title").startswith("Suite")


def test_each_hostile_name_has_its_page(watched: Watched, hostile: Path) -> None:
    page = watched.open(hostile, "/suite")
    page.locator("#tests-window th[data-column=rank] button").click()
    for place, key in enumerate(HOSTILE):
        page.locator("#tests-window tr.item").nth(place).click()
        page.wait_for_selector("[data-view=test]")
        assert page.locator("h1").inner_text()[:20] == visible(key)[:20] or key in {"", HOSTILE[4]}
        assert page.locator("h2", has_text="Why it ranks where it ranks").count() == 1
        assert page.locator("main script, main img").count() == 0
        watched.go("/suite")


def test_nothing_that_the_page_could_be_made_to_run_is_run(browser: Browser, hostile: Path) -> None:
    """The policy holds even if markup of others came into the page."""
    window = Watched(browser)
    page = window.open(hostile)
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.taken = 1';
        document.body.append(script);
        const image = document.createElement('img');
        image.src = 'https://example.org/pixel';
        document.body.append(image);
    }""")
    window.drawn()
    assert page.evaluate("window.taken") is None
    assert len(window.errors) == 2
    assert all("Content Security Policy" in each for each in window.errors)
    window.close()


def test_on_paper_all_sections_follow_one_another(watched: Watched, hostile: Path) -> None:
    page = watched.open(hostile)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    watched.drawn()
    assert page.locator(".view").count() == len(SECTIONS)
    assert page.locator("nav").is_hidden()
    assert page.locator("#tests-window tr.item").count() == 60 + len(HOSTILE)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".view").count() == 1
