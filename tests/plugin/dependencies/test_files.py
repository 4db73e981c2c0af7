"""Which data files and folders count as used by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.project import Project
from tests.support.tracked import needs_monitoring
from tests.support.tracked import track as tracked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_files_that_are_read(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "data/in_test.txt": "a",
            "data/in_fixture.txt": "a",
            "data/at_import.txt": "a",
            "data/in_helper.txt": "a",
            "data/in_cache.txt": "a",
            "data/by_json.json": "{}",
            "data/at_collection.txt": "a",
            "data/never.txt": "a",
            "lib.py": """
                from functools import cache
                from pathlib import Path

                DATA = Path(__file__).parent / "data"
                TEXT = (DATA / "at_import.txt").read_text()

                def helper():
                    return open(DATA / "in_helper.txt", "rb").read()

                @cache
                def cached():
                    return (DATA / "in_cache.txt").read_bytes()
            """,
            "test_a.py": """
                import json, os
                import pytest
                import lib

                @pytest.fixture(scope="module")
                def text():
                    return (lib.DATA / "in_fixture.txt").read_text()

                def test_read():
                    with open("data/in_test.txt") as file:
                        assert file.read() == "a"

                def test_os_open():
                    os.close(os.open("data/in_test.txt", os.O_RDONLY))

                def test_fixture(text): pass
                def test_fixture_too(text): pass
                def test_helper(): lib.helper().close if False else lib.helper()
                def test_cached(): lib.cached()
                def test_cached_too(): lib.cached()

                def test_json():
                    with (lib.DATA / "by_json.json").open() as file:
                        assert json.load(file) == {}

                def test_none(): pass
            """,
            "test_b.py": """
                import pytest
                from pathlib import Path

                @pytest.mark.parametrize("line", Path("data/at_collection.txt").read_text().split())
                def test_line(line): pass
            """,
        },
        "-Wignore",
    )
    of_a = set(found.uses) - {"test_line[a]"}
    assert found.users("file data/in_test.txt") == {"test_read", "test_os_open"}
    assert found.users("file data/in_fixture.txt") == {"test_fixture", "test_fixture_too"}
    assert found.users("file data/at_import.txt") == of_a
    assert found.users("file data/in_helper.txt") == {"test_helper"}
    assert found.users("file data/in_cache.txt") == {"test_cached", "test_cached_too"}
    assert found.users("file data/by_json.json") == {"test_json"}
    assert found.users("file data/at_collection.txt") == {"test_line[a]"}
    assert found.users("file data/never.txt") == set()
    assert set(found.obstacles.values()) == {""}


def test_files_that_are_missing(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "test_a.py": """
                import pytest
                from pathlib import Path

                def test_missing():
                    with pytest.raises(FileNotFoundError):
                        open("settings.toml")

                def test_missing_folder():
                    with pytest.raises(FileNotFoundError):
                        Path("absent/settings.toml").read_text()

                def test_missing_listing():
                    with pytest.raises(FileNotFoundError):
                        list(Path("absent").iterdir())

                def test_none(): pass
            """,
        }
    )
    assert found.users("file settings.toml") == {"test_missing"}
    assert found.users("file absent/settings.toml") == {"test_missing_folder"}
    assert found.users("folder absent") == {"test_missing_listing"}
    assert found.uses["test_missing"]["file settings.toml"] == ""


def test_folders_that_are_listed(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "data/deep/a.txt": "a",
            "other/b.txt": "b",
            "test_a.py": """
                import glob, os
                from pathlib import Path

                def test_listdir():
                    assert os.listdir("data")

                def test_scandir():
                    with os.scandir("data") as found:
                        assert list(found)

                def test_glob():
                    assert glob.glob("data/*")

                def test_iterdir():
                    assert list(Path("data").iterdir())

                def test_rglob():
                    assert list(Path("data").rglob("*.txt"))

                def test_walk():
                    assert list(os.walk("data"))

                def test_root():
                    assert os.listdir()

                def test_other():
                    assert os.listdir("other")
            """,
        }
    )
    of_data = {
        "test_listdir",
        "test_scandir",
        "test_glob",
        "test_iterdir",
        "test_rglob",
        "test_walk",
    }
    assert found.users("folder data") == of_data
    assert found.users("folder data/deep") == {"test_rglob", "test_walk"}
    assert found.users("folder .") == {"test_root"}
    assert found.users("folder other") == {"test_other"}


def test_files_that_the_test_wrote(track: Callable[..., Tracked]) -> None:
    """Own products are no dependency; files outside the root are not the project's."""
    found = track(
        {
            "test_a.py": """
                import os
                from pathlib import Path

                def test_write():
                    Path("made.txt").write_text("a")
                    assert Path("made.txt").read_text() == "a"
                    os.replace("made.txt", "moved.txt")
                    assert Path("moved.txt").read_text() == "a"
                    os.remove("moved.txt")

                def test_outside(tmp_path):
                    (tmp_path / "made.txt").write_text("a")
                    assert (tmp_path / "made.txt").read_text() == "a"
            """,
        }
    )
    assert found.of_kind("file", "test_write") == set()
    assert found.of_kind("file", "test_outside") == set()
    assert set(found.obstacles.values()) == {""}


def test_folders_that_the_test_made(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "kept/a.txt": "a",
            "test_a.py": """
                import os, shutil
                from pathlib import Path

                def test_made():
                    Path("made/deep").mkdir(parents=True)
                    Path("made/deep/a.txt").write_text("a")
                    assert os.listdir("made/deep") == ["a.txt"]
                    shutil.rmtree("made")

                def test_copied():
                    shutil.copytree("kept", "copied")
                    assert Path("copied/a.txt").read_text() == "a"
                    shutil.rmtree("copied")
            """,
        }
    )
    kinds = ("file", "folder")
    assert [found.of_kind(kind, "test_made") for kind in kinds] == [set(), set()]
    assert [found.of_kind(kind, "test_copied") for kind in kinds] == [{"kept/a.txt"}, {"kept"}]
    assert set(found.obstacles.values()) == {""}


def test_source_that_is_read_as_text(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "# a comment\ndef f(): return 1\n",
            "test_a.py": """
                import inspect, linecache
                import lib
                from pathlib import Path

                def test_source():
                    assert "return" in inspect.getsource(lib.f)

                def test_source_too():
                    assert "return" in inspect.getsource(lib.f)

                def test_text():
                    assert "comment" in Path(lib.__file__).read_text()

                def test_none():
                    assert lib.f()
            """,
        }
    )
    assert found.users("file lib.py") >= {"test_source", "test_text"}
    assert "test_none" not in found.users("file lib.py")
    assert "test_source_too" in found.users("file lib.py")


def test_edit_during_the_run(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "def f(): return 1",
            "other.py": "def f(): return 1",
            "data.txt": "a",
            "test_a.py": """
                import lib

                def test_lib():
                    assert lib.f() == 1
                    with open("lib.py", "a") as file:
                        file.write("# a comment of another size")
            """,
            "test_b.py": """
                import other

                def test_other(): assert other.f() == 1
            """,
        }
    )
    assert "lib.py changed during the run" in found.obstacles["test_lib"]
    assert found.obstacles["test_other"] == ""


def test_deleted_source(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "def f(): return 1",
            "test_a.py": """
                import os
                import lib

                def test_lib():
                    assert lib.f() == 1
                    os.remove("lib.py")
            """,
            "test_b.py": "def test_other(): pass",
        }
    )
    assert "lib.py" in found.obstacles["test_lib"]
    assert found.obstacles["test_other"] == ""


def test_folder_whose_name_is_like_a_part_of_pytest(tmp_path: Path) -> None:
    """The path of a project must not decide whether a file counts."""
    project = Project(
        tmp_path / "my_pytest" / "_pytest",
        {
            "lib.py": "def f(): return 1",
            "warnings.py/empty.txt": "",
            "inspect_it.py": "import pathlib as p\ndef text(): return p.Path('lib.py').read_text()",
            "rewrite.py": "def text(): return open('lib.py').read()",
            "test_a.py": """
                import inspect_it, rewrite

                def test_one(): assert inspect_it.text()
                def test_two(): assert rewrite.text()
                def test_none(): pass
            """,
        },
    )
    found = tracked(project, "-Wignore")
    assert found.users("file lib.py") == {"test_one", "test_two"}


def test_link_that_leads_to_a_file(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "data/real.txt": "a",
            "conftest.py": """
                import os
                from pathlib import Path

                if not Path("linked.txt").exists():
                    os.symlink("data/real.txt", "linked.txt")
            """,
            "test_a.py": """
                def test_linked():
                    with open("linked.txt") as file:
                        assert file.read() == "a"
            """,
        }
    )
    assert found.users("file data/real.txt") == {"test_linked"}


def test_files_that_are_looked_at(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "data/flag.txt": "a",
            "data/size.txt": "a",
            "lib.py": """
                import os

                def size(path):
                    return os.stat(path).st_size
            """,
            "test_a.py": """
                import os.path
                from os.path import isfile
                from pathlib import Path
                import lib

                def test_flag():
                    assert Path("data/flag.txt").exists()

                def test_no_flag():
                    assert not isfile("data/other.txt")

                def test_folder():
                    assert os.path.isdir("data")

                def test_size():
                    assert lib.size(b"data/size.txt") == 1

                def test_made_by_itself():
                    Path("made.txt").write_text("a")
                    assert os.path.exists("made.txt")

                def test_names_alone():
                    exists = "data/flag.txt".upper()
            """,
        }
    )
    assert found.users("file data/flag.txt") == {"test_flag"}
    assert found.uses["test_no_flag"]["file data/other.txt"] == ""
    assert found.users("folder data") == {"test_folder"}
    assert found.users("file data/size.txt") == {"test_size"}
    assert not found.users("file made.txt")
    assert not any(found.obstacles.values())
