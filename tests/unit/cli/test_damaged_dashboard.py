"""A damaged history gives a page and a screen, or one line: `nexus dashboard`, `nexus status`."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Change
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, failure, run
from tests.support.damage import change_cells, copy, flip_bytes, make_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS: Final = re.compile(r'<script [^>]*id="facts"[^>]*>(.*?)</script>', re.DOTALL)
FEW = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
ODD = st.one_of(
    st.sampled_from(["</script>", "{{facts}}", "\x1b[31m", "\u202e", "__proto__", "a" * 9000]),
    st.text(max_size=30),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folder = tmp_path_factory.mktemp("sound")
    (folder / "slim").mkdir()
    return {
        False: make_history(folder / "sound.sqlite3"),
        True: make_history(folder / "slim" / "sound.sqlite3", slim=True),
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", "damaged.sqlite3")
    monkeypatch.setattr("pytest_nexus.domain.system.progress_bar.FIRST_S", 3600.0)
    return tmp_path


def page_or_line(here: Path, capsys: pytest.CaptureFixture[str], what: str) -> bool:
    """Whether there is a page; a command that shows nothing says one line."""
    page = here / "page.html"
    page.unlink(missing_ok=True)
    shown = []
    for command in (["dashboard", "--output", "page.html"], ["status"], ["status", "--json"]):
        status = main(command)
        said = capsys.readouterr()
        assert "Traceback" not in said.err, (what, command, said.err)
        assert len(said.err.splitlines()) <= 1, (what, command, said.err)
        assert status == 0 or (status == 1 and "NX" in said.err), (what, command, said.err)
        assert "\x1b" not in said.out
        shown.append(status == 0)
    assert page.exists() == shown[0]
    if shown[0]:
        facts_of(page)
    return shown[0]


def facts_of(page: Path) -> Any:
    (facts,) = FACTS.findall(page.read_text("utf-8"))
    return json.loads(facts, parse_constant=pytest.fail)


@pytest.mark.parametrize("damage", [change_cells, flip_bytes])
@FEW
@given(seed=st.integers(0, 10**6), slim=st.booleans())
def test_a_damaged_history_gives_a_page_or_one_line(
    here: Path,
    sound: dict[bool, Path],
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path, int], str],
    seed: int,
    slim: bool,
) -> None:
    copy(sound[False], here / "sound.sqlite3")
    copy(sound[slim], here / "damaged.sqlite3")
    what = damage(here / "damaged.sqlite3", seed)
    page_or_line(here, capsys, f"seed {seed}, slim {slim}: {what}")


@FEW
@given(name=ODD, branch=ODD, message=ODD)
def test_odd_texts_give_a_page(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, branch: str, message: str
) -> None:
    path = here / "damaged.sqlite3"
    path.unlink(missing_ok=True)
    key = f"t/test_a.py::test_x[{name}]"
    with open_history(path) as history:
        for number in (1, 2):
            made = run(number, 1.7e9 + number)._replace(change=Change("a" * 40, branch))
            found = failure()._replace(message=message) if number == 2 else None
            outcome = "failed" if found else "passed"
            ingest_run(history, made, [attempt(key, outcome, failure=found)])
    assert page_or_line(here, capsys, repr((name, branch, message)))
    (path_of_test, *_), (rest, *_) = (
        facts_of(here / "page.html")["tests"][n] for n in ("paths", "name")
    )
    assert path_of_test + rest == key


@pytest.mark.parametrize("column", ["number", "outcomes", "call_us", "started_us", "worker"])
def test_a_word_in_the_place_of_a_number_is_refused(
    here: Path, sound: dict[bool, Path], capsys: pytest.CaptureFixture[str], column: str
) -> None:
    copy(sound[False], here / "damaged.sqlite3")
    with closing(sqlite3.connect(here / "damaged.sqlite3")) as damaged:
        damaged.execute(f"UPDATE OR IGNORE attempt SET {column} = 'x' WHERE test_id = 1")  # noqa: S608
        damaged.commit()
    assert not page_or_line(here, capsys, column)


def test_damage_is_found_and_survived(
    here: Path, sound: dict[bool, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Some damaged histories are refused, and some have a page."""
    copy(sound[False], here / "sound.sqlite3")
    shown = []
    for seed in range(8):
        copy(sound[False], here / "damaged.sqlite3")
        change_cells(here / "damaged.sqlite3", seed)
        shown.append(page_or_line(here, capsys, f"seed {seed}"))
    assert {*shown} == {True, False}
