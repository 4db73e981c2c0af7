"""What is read of a change and of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.evidence import ChangedWords
from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.impact.changed_identifiers import changed_words
from pytest_nexus.impact.import_graph import imports_of
from pytest_nexus.impact.test_code import read_code
from tests.support.repository import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository


FAR = {"a.py": ChangedWords({"far": 1}, {})}


def words_of(repo: Repository, folder: str = ".") -> dict[str, dict[str, int]]:
    found = changed_words(repo.root / folder, repo.change(folder=folder), environment())
    return {path: dict(changed.words) for path, changed in found.items()}


@pytest.mark.process
def test_words_are_those_of_changed_lines_and_of_what_encloses_them(repo: Repository) -> None:
    repo.commit(shop_py="def price():\n    one = 1\n    two = 2\n    three = 3\n    four = 4\n")
    repo.write("shop.py", "def price():\n    one = 1\n    two = 2\n    three = 3\n    five = 4\n")
    assert dict(words_of(repo)["shop.py"]) == {"def": 1, "price": 1, "four": 1, "five": 1}


@pytest.mark.process
def test_a_new_file_counts_as_a_whole(repo: Repository) -> None:
    repo.write("new.py", "fresh = stale\n")
    assert dict(words_of(repo)["new.py"]) == {"fresh": 1, "stale": 1}


@pytest.mark.process
def test_a_line_that_looks_like_a_header_is_a_line(repo: Repository) -> None:
    repo.commit(sql_py="-- b/other.py\nselect\n")
    repo.write("sql.py", "++ b/other.py\nselect\n")
    assert set(words_of(repo)) == {"sql.py"}


@pytest.mark.process
def test_binary_and_huge_files_have_no_words(repo: Repository) -> None:
    (repo.root / "image.py").write_bytes(b"\0\1\2")
    (repo.root / "huge.py").write_text("word\n" * 200_000)
    assert words_of(repo) == {}


@pytest.mark.process
def test_paths_are_those_of_the_folder_of_the_tests(repo: Repository) -> None:
    repo.commit(sub__x_py="one\n", top_py="one\n")
    repo.write("sub/x.py", "second\n")
    repo.write("top.py", "second\n")
    assert set(words_of(repo, "sub")) == {"x.py"}


def test_without_git_new_files_are_read_and_nothing_raises(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("alpha\n")
    change = Change(files=(ChangedFile("a.py", "A"), ChangedFile("b.py", "A")))
    assert changed_words(tmp_path, change, {}) == {"a.py": ({"alpha": 1}, {})}


def test_a_conftest_in_a_folder_above_counts_as_imported(tmp_path: Path) -> None:
    for path, text in {
        "conftest.py": "",
        "src/pkg/__init__.py": "",
        "src/pkg/db.py": "",
        "tests/conftest.py": "from pkg import db\n",
        "tests/unit/test_x.py": "def test_x(): pass\n",
        "tests/other/conftest.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    changed = {"conftest.py", "tests/conftest.py", "tests/other/conftest.py", "src/pkg/db.py"}
    code = read_code(tmp_path, ["tests/unit/test_x.py"], {}, changed)["tests/unit/test_x.py"]
    assert dict(code.distances) == {"conftest.py": 1, "tests/conftest.py": 1, "src/pkg/db.py": 2}


def test_imports_are_followed_to_what_changed(tmp_path: Path) -> None:
    for path, text in {
        "src/pkg/__init__.py": "from .a import thing\n",
        "src/pkg/a.py": "from . import b\n",
        "src/pkg/b.py": "import pkg.a\n",  # a circle
        "tests/test_x.py": "from pkg import thing\ndef test_x():\n    thing.other()\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    changed = {"src/pkg/__init__.py", "src/pkg/a.py", "src/pkg/b.py"}
    words = {"src/pkg/b.py": ChangedWords({"other": 1}, {})}
    code = read_code(tmp_path, ["tests/test_x.py"], words, changed)["tests/test_x.py"]
    assert dict(code.distances) == {
        "src/pkg/__init__.py": 1,
        "src/pkg/a.py": 2,
        "src/pkg/b.py": 3,
    }
    assert code.identifiers["test_x"]["other"] == 1


def test_a_test_file_without_words_of_the_change_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(): pass\n")
    code = read_code(tmp_path, ["test_x.py", "absent.py"], FAR, {"a.py"})
    assert code.keys() == {"test_x.py"}
    assert code["test_x.py"].identifiers == {}


def test_reading_ends_with_its_budget(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x(): far()\n")
    assert read_code(tmp_path, ["test_x.py"], FAR, {"a.py"}, budget_s=-1) == {}


def test_a_declared_file_is_as_near_as_an_imported_one(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("import os\n", encoding="utf-8")
    declared = {"test_x.py": {"rates.csv", "unchanged.csv"}}
    code = read_code(tmp_path, ["test_x.py"], {}, {"rates.csv"}, declared)
    assert code["test_x.py"].distances == {"rates.csv": 1}


def test_imports_of_files_that_do_not_parse_are_read() -> None:
    text = "from a import (\n    b,\n    c as d,\n)\nimport e.f; def broken(\nfrom ..up import g\n"
    assert imports_of(text, "pkg.sub") == ("a:b", "a:c", "e.f", "pkg.up:g")
