from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Run
from pytest_nexus.errors import ImportFileError
from pytest_nexus.history.store import History, open_history
from pytest_nexus.importers.find import find, import_paths, sniff
from pytest_nexus.journal.writer import JournalWriter
from tests.support.messages import assert_message
from tests.support.reports import PYTEST_XUNIT2, SUREFIRE, case, junit, report, reportlog, written

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = reportlog(report("setup"), report("call"), report("teardown"))
JOURNAL = '{"kind":"run","schema":1,"nexus":"0.1.0","run_uid":"' + "ab" * 16 + '"}\n'


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as opened:
        yield opened


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """One report of each kind, one bad file, and what is not to be looked at."""
    folder = tmp_path / "reports"
    for below in ("deep/er", ".git", "node_modules"):
        (folder / below).mkdir(parents=True)
    written(folder / "pytest.xml", PYTEST_XUNIT2)
    written(folder / "deep/er/TEST-Cart.XML", SUREFIRE)
    written(folder / "deep/log.jsonl", LOG)
    written(folder / ".test_durations", '{\n    "t.py::a": 1.0\n}')
    written(folder / "bad.xml", "junk")
    written(folder / "notes.txt", "not a report")
    written(folder / ".git/no.xml", "junk")
    written(folder / "node_modules/no.json", "junk")
    written(folder / ".hidden.jsonl", "junk")
    return folder


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PYTEST_XUNIT2, "junit"),
        ("\ufeff\n <testsuite/>", "junit"),
        ("<testsuite/>".encode("utf-16"), "junit"),
        (LOG, "reportlog"),
        (LOG.splitlines()[1], "reportlog"),
        ('{"nodeid": "torn", "$report_type": "Tes', "reportlog"),
        ('{"t.py::a": 1.0}', "durations"),
        ('{\n  "t.py::a": 1.0\n}', "durations"),
        ('{"t.py::kind": 1.0, "x": ' + "1" * 2_000_000 + "}", "durations"),
        ("{}", "durations"),
        ('[["t.py::a", 1.0]]', "durations"),
        (JOURNAL, "journal"),
        ('{"kind": "run", "schema": 1, "run_ui', "journal"),
    ],
)
def test_kinds_are_told_by_content(tmp_path: Path, content: str | bytes, kind: str) -> None:
    assert sniff(written(tmp_path / "misleading.png", content)) == kind


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "empty"), ("  \n ", "empty"), ("junk", "NX603"), (b"\x89PNG\r\n\x1a\n", "NX603")],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(ImportFileError, match=reason):
        sniff(written(tmp_path / "report.xml", content))


def test_a_directory_is_searched_for_reports(reports: Path) -> None:
    found = {path.relative_to(reports).as_posix() for path in find([str(reports)])}
    assert found == {
        ".test_durations",
        "bad.xml",
        "deep/er/TEST-Cart.XML",
        "deep/log.jsonl",
        "pytest.xml",
    }


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.xml", {"bad.xml", "pytest.xml"}),
        ("**/*.jsonl", {"log.jsonl", ".hidden.jsonl"}),
        ("deep/**", {"TEST-Cart.XML", "log.jsonl"}),
        ("p?t*.[x]ml", {"pytest.xml"}),
        ("notes.txt", {"notes.txt"}),
        ("nothing/*.xml", {"*.xml"}),
    ],
)
def test_patterns_are_expanded(reports: Path, pattern: str, names: set[str]) -> None:
    assert {path.name for path in find([str(reports / pattern)])} == names


def test_a_file_named_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    odd = written(tmp_path / "a[1].xml", junit(case()))
    written(tmp_path / "a1.xml", junit(case()))
    assert find([str(odd)]) == [odd]


def test_each_file_is_found_once(reports: Path) -> None:
    twice = find([str(reports / "*.xml"), str(reports), str(reports / "pytest.xml")])
    assert len(twice) == len({path.resolve() for path in twice}) == 5


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_links_to_directories_are_not_followed(reports: Path) -> None:
    (reports / "deep" / "loop").symlink_to(reports, target_is_directory=True)
    assert len(find([str(reports)])) == 5


def test_one_bad_file_does_not_stop_the_others(history: History, reports: Path) -> None:
    summary = import_paths(history, [str(reports)])
    assert (summary.files, summary.taken, summary.known) == (5, 4, 0)
    ((path, reason),) = summary.refused
    assert path.name == "bad.xml"
    assert_message(reason, "NX603")


def test_imported_tests_are_in_the_history(history: History, reports: Path) -> None:
    import_paths(history, [str(reports)])
    assert {summary.run.source for summary in history.runs()} == {
        "junit",
        "reportlog",
        "durations",
    }
    stats = history.stats()
    assert stats["tests/test_a.py::test_key"].failures == 1  # type: ignore[index]
    assert stats["t.py::a"].duration_s == 1.0  # type: ignore[index]


def test_a_second_import_finds_all_known(history: History, reports: Path) -> None:
    import_paths(history, [str(reports)])
    before = history.stats()
    summary = import_paths(history, [str(reports)])
    assert (summary.taken, summary.known, summary.attempts) == (0, 4, 0)
    assert history.stats() == before


def test_a_copy_of_a_report_is_known(history: History, tmp_path: Path) -> None:
    written(tmp_path / "a.xml", PYTEST_XUNIT2)
    written(tmp_path / "b.xml", PYTEST_XUNIT2)
    summary = import_paths(history, [str(tmp_path / "*.xml")])
    assert (summary.taken, summary.known) == (1, 1)


def test_journals_are_taken_in_among_the_others(history: History, tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, Run(run_uid="ab" * 16, started_at=1e9))
    writer.end(1.0, 0, complete=True)
    writer.close()
    written(tmp_path / "r.xml", PYTEST_XUNIT2)
    written(tmp_path / "torn.jsonl", '{"kind": "run", "sch')
    summary = import_paths(history, [str(tmp_path / "*.jsonl"), str(tmp_path / "r.xml")])
    assert (summary.taken, [path.name for path, _ in summary.refused]) == (2, ["torn.jsonl"])


def test_a_path_that_names_nothing_is_refused(history: History, tmp_path: Path) -> None:
    summary = import_paths(history, [str(tmp_path / "gone" / "*.xml")])
    ((_, reason),) = summary.refused
    assert_message(reason, "NX601")


def test_a_report_without_tests_is_counted_apart(history: History, tmp_path: Path) -> None:
    summary = import_paths(history, [str(written(tmp_path / "r.xml", "<testsuites/>"))])
    assert (summary.taken, summary.known, summary.empty, summary.refused) == (0, 0, 1, ())


def test_progress_ends_with_all_files(history: History, reports: Path) -> None:
    told: list[tuple[int, int]] = []
    import_paths(history, [str(reports)], lambda done, total: told.append((done, total)))
    assert told == [(count, 5) for count in range(1, 6)]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_file_is_refused(history: History, tmp_path: Path) -> None:
    path = written(tmp_path / "r.xml", PYTEST_XUNIT2)
    path.chmod(0)
    assert len(import_paths(history, [str(path)]).refused) == 1


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    written(tmp_path / "r.xml", PYTEST_XUNIT2)
    assert find([str(Path("~") / "r.xml")]) == [tmp_path / "r.xml"]
