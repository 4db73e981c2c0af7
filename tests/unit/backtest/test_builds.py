from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from pytest_nexus.backtest.builds import NO_TEXTS, find_folder, projects, read_builds, read_texts
from pytest_nexus.errors import NexusError
from tests.support.samples import BUILDS, TESTS, write_project


def test_builds_come_in_time_order(tmp_path) -> None:
    write_project(tmp_path, "shop")
    assert [build.kind for build in read_builds(tmp_path, "shop")] == ["pass", "fresh", "mutant"]


def test_tests_that_fail_without_the_fault_are_left_out(tmp_path) -> None:
    write_project(tmp_path, "shop")
    first, _, _ = read_builds(tmp_path, "shop")
    assert [test.nodeid for test in first.tests] == ["tests/test_a.py::x", "tests/test_b.py::y"]
    assert first.failing == set()


def test_failures_and_errors_are_failing(tmp_path) -> None:
    write_project(tmp_path, "shop")
    _, fresh, mutant = read_builds(tmp_path, "shop")
    assert fresh.failing == {1}
    assert mutant.failing == {0, 1}
    assert mutant.is_mutant


def test_phases_carry_the_outcome_where_it_arose(tmp_path) -> None:
    write_project(tmp_path, "shop")
    _, _, mutant = read_builds(tmp_path, "shop")
    before, after = mutant.attempts
    assert before.setup.outcome == "error"
    assert before.call is None
    assert (after.call.outcome, after.teardown.outcome) == ("passed", "error")
    assert mutant.durations == pytest.approx([0.3, 0.6])


def test_change_names_the_visible_sources_and_what_is_no_source(tmp_path) -> None:
    write_project(tmp_path, "shop")
    _, fresh, _ = read_builds(tmp_path, "shop")
    paths = [file.path for file in fresh.run.change.files]
    assert paths == ["src/b.py", "tests/test_b.py"]


def test_only_an_unchanged_commit_is_evidence_of_flakes(tmp_path) -> None:
    write_project(tmp_path, "shop")
    assert [build.run.change.dirty for build in read_builds(tmp_path, "shop")] == [
        False,
        True,
        True,
    ]


def test_projects_are_found_by_their_builds(tmp_path) -> None:
    write_project(tmp_path, "b")
    write_project(tmp_path, "a")
    assert projects(tmp_path) == ["a", "b"]


def test_folder_given_is_the_only_one_looked_into(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_folder(str(tmp_path)) is None
    write_project(tmp_path, "a")
    assert find_folder(str(tmp_path)) == tmp_path


def test_folder_of_the_checkout_is_found_from_anywhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_folder(None)
    assert found is not None
    assert projects(found) == ["jinja", "marshmallow", "structlog"]


def test_folder_where_the_command_is_called_comes_first(tmp_path, monkeypatch) -> None:
    (tmp_path / "sample_history").mkdir()
    write_project(tmp_path / "sample_history", "mine")
    monkeypatch.chdir(tmp_path)
    found = find_folder(None)
    assert found is not None
    assert projects(found) == ["mine"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tests", None),
        ("tests", b"junk"),
        ("tests", gzip.compress(b"x" * 100)[:-9]),
        ("tests", gzip.compress(b"build_id\n1\n")),
        ("tests", gzip.compress(TESTS.replace(",failed,", ",exploded,").encode())),
        ("tests", gzip.compress(TESTS.replace("0.2", "long").encode())),
        ("builds", gzip.compress(b"\xff\xfe")),
        ("builds", gzip.compress(BUILDS[: BUILDS.rindex("200")].encode())),
        ("tests", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 50),
    ],
    ids=["gone", "junk", "cut", "columns", "outcome", "number", "encoding", "short", "deflate"],
)
def test_damaged_files_are_refused_with_what_to_do(tmp_path, name, content) -> None:
    write_project(tmp_path, "shop")
    path = tmp_path / f"shop.{name}.csv.gz"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(NexusError, match=r"shop .*\[NX153\]"):
        list(read_builds(tmp_path, "shop"))


SAMPLE = Path(__file__).parents[3] / "sample_history"


def write_texts(folder: Path, name: str) -> None:
    changed = {"added": 3, "deleted": 1, "context": ["f"], "identifiers": {"loadItems": 2, "f": 1}}
    entry = {"build_id": "s-1", "files": {"src/b.py": changed}, "taken_back": "c1", "certain": True}
    code = {"tests/test_b.py": {"imports": ["b:f"], "tests": {"T::y": {"loadItems": 1}}}}
    for kind, content in (("changes.jsonl", entry), ("test_code.json", code)):
        path = folder / f"{name}.{kind}.gz"
        path.write_bytes(gzip.compress(json.dumps(content).encode()))


def test_a_build_has_the_text_of_its_change_where_it_is_known(tmp_path) -> None:
    write_project(tmp_path, "shop")
    assert read_texts(tmp_path, "shop") is NO_TEXTS
    write_texts(tmp_path, "shop")
    texts = read_texts(tmp_path, "shop")
    first, fresh, _ = read_builds(tmp_path, "shop")
    source, test = texts.of(fresh)
    assert source == ("src/b.py", 4, {"loadItems": 2, "f": 2}, {"f": 1})
    assert test == ("tests/test_b.py", 0, None, None)
    assert texts.words(fresh) == {"src/b.py": ({"loadItems": 2, "f": 2}, {"f": 1})}
    assert texts.words(first) == {}


def test_a_test_has_its_identifiers_and_the_names_of_its_classes(tmp_path) -> None:
    write_project(tmp_path, "shop")
    write_texts(tmp_path, "shop")
    texts = read_texts(tmp_path, "shop")
    assert texts.tests["tests/test_b.py"].identifiers == {"T::y": {"loadItems": 1, "T": 1, "y": 1}}
    code = texts.code["tests/test_b.py"]
    assert code.imports == ("b:f",)
    assert code.names["T::y"]["load"] == 1


def test_damaged_texts_are_named(tmp_path) -> None:
    write_project(tmp_path, "shop")
    (tmp_path / "shop.changes.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(NexusError, match=r"shop .*\[NX909\]"):
        read_texts(tmp_path, "shop")


@pytest.mark.parametrize("project", ["jinja", "marshmallow", "structlog"])
def test_every_changed_source_of_the_sample_has_its_text(project: str) -> None:
    texts = read_texts(SAMPLE, project)
    bare = [
        (build.kind, file.path)
        for build in read_builds(SAMPLE, project)
        for file in texts.of(build)
        if file.words is None and file.path.startswith("src/")
    ]
    assert bare == []


@pytest.mark.parametrize("project", ["jinja", "marshmallow", "structlog"])
def test_a_bug_that_certainly_returns_has_the_lines_of_its_build(project: str) -> None:
    with gzip.open(SAMPLE / f"{project}.builds.csv.gz", "rt", newline="") as file:
        rows = {row["build_id"]: row for row in csv.DictReader(file)}
    with gzip.open(SAMPLE / f"{project}.changes.jsonl.gz", "rt") as lines:
        entries = [json.loads(line) for line in lines]
    certain = {entry["build_id"]: entry["files"] for entry in entries if entry.get("certain")}
    returned = [build_id for build_id in certain if rows[build_id]["kind"] == "regress"]
    assert len(returned) >= 7
    for build_id in returned:
        n_lines = [each["added"] + each["deleted"] for each in certain[build_id].values()]
        assert sum(n_lines) == int(rows[build_id]["lines_changed"]), build_id
