from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile, Run
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.journal.format import MISSED
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.history.store import History

FILES = (
    ChangedFile("src/a.py", "M"),
    ChangedFile("new.json", "A"),
    ChangedFile("gone.json", "D"),
    ChangedFile("here.json", "R", old_path="there.json"),
)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "h.sqlite3") as opened:
        yield opened


def missed(uid: int, *tests: str, **fields: object) -> Run:
    names = ("nexus-reuse", *(f"{MISSED}{test}" for test in tests))
    return run(uid, selected_by=names, **fields)  # type: ignore[arg-type] # fields by name


def add(history: History, one: Run, n_failed: int = 1) -> None:
    failed = [attempt(f"a.py::test_{n}", "failed") for n in range(n_failed)]
    ingest_run(history, one, [*failed, attempt("a.py::test_passed")])


def test_without_audits_and_words_results_are_reused(history: History) -> None:
    add(history, run(1))
    assert history.reuse.status().is_on
    assert history.reuse.status().since is None
    assert history.reuse.misses() == []


def test_an_audit_that_failed_switches_it_off_until_a_user_says_otherwise(
    history: History,
) -> None:
    add(history, missed(5, "a.py::test_0", "a.py::test_1"))
    status = history.reuse.status()
    assert (status.is_on, status.since) == (False, 5.0)
    assert status.miss is not None
    assert status.miss.test == "a.py::test_0"
    history.reuse.word.say("on", 6.0)
    assert history.reuse.status()._replace(miss=None) == (True, 6.0, None)
    add(history, missed(7, "a.py::test_1"))
    assert not history.reuse.status().is_on
    assert [miss.test[-1] for miss in history.reuse.misses()] == ["1", "0", "1"]


def test_a_user_may_switch_it_off(history: History) -> None:
    history.reuse.word.say("off", 3.0)
    assert history.reuse.status() == (False, 3.0, None)
    history.reuse.word.say("on", 4.0)
    assert history.reuse.status().is_on


def test_the_run_of_an_audit_has_the_files_of_its_change(history: History) -> None:
    one = missed(5, "a.py::test_0")._replace(change=Change("c" * 40, files=FILES))
    add(history, one)
    (miss,) = history.reuse.misses()
    assert [file.path for file in miss.run.change.files] == sorted(file.path for file in FILES)


def test_audits_of_forks_and_in_mass_failures_prove_nothing(history: History) -> None:
    add(history, missed(5, "a.py::test_0", trust="fork"))
    add(history, missed(6, "a.py::test_0"), n_failed=20)
    assert history.reuse.misses() == []
    assert history.reuse.status().is_on


def test_both_travel_with_copies_and_merges(history: History, tmp_path: Path) -> None:
    add(history, missed(5, "a.py::test_0"))
    for slim in (False, True):
        copy = tmp_path / f"copy-{slim}.sqlite3"
        history.export(copy, slim=slim)
        with read_history(copy) or pytest.fail("no copy") as opened:
            assert not opened.reuse.status().is_on
    history.reuse.word.say("on", 6.0)
    with open_history(tmp_path / "other.sqlite3") as other:
        other.reuse.word.say("off", 4.0)
        other.merge(history.path)
        assert other.reuse.status()._replace(miss=None) == (True, 6.0, None)
        assert len(other.reuse.misses()) == 1


@pytest.mark.parametrize("value", ["", "x", "nan", "-1", "inf", "1e300"])
def test_a_moment_that_nexus_did_not_write_is_none(history: History, value: str) -> None:
    history._connection.execute("INSERT INTO meta VALUES ('reuse_off', ?)", (value,))
    assert history.reuse.status().is_on


def test_files_of_changed_trees_are_told(history: History) -> None:
    for uid, dirty in ((1, True), (2, False)):
        add(history, run(uid)._replace(change=Change("c" * 40, dirty=dirty, files=FILES)))
    found = history.reuse.files_of_runs([f"{uid:032x}" for uid in (1, 2, 3)])
    assert found == {
        f"{1:032x}": ({"new.json", "here.json"}, {"gone.json", "there.json"}),
    }
