"""Suites that replace parts of Python, and sessions that end early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.journal.reader import read_journal
from pytest_nexus.record.dependencies.watching.tracker import TOO_DEEP
from tests.support.tracked import needs_monitoring
from tests.support.tracked import track as tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project
    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

LIB = """
    def f():
        return 1

    def g():
        return 2

    def read():
        return open("data.txt").read()
"""


def test_replaced_functions(track: Callable[..., Tracked]) -> None:
    """A replacement that a test leaves behind must not blind nexus for later tests."""
    found = track(
        {
            "lib.py": LIB,
            "data.txt": "a",
            "test_a.py": """
                import builtins, io, os, pathlib, sys, threading, time
                import pytest
                import lib

                REPLACED = ["open", "stat", "getcwd", "trace", "restart", "path", "time"]

                @pytest.fixture(params=REPLACED)
                def replaced(request, monkeypatch):
                    def fail(*args, **kwargs):
                        raise AssertionError("replaced")

                    if request.param == "open":
                        monkeypatch.setattr(builtins, "open", lambda *_, **__: io.StringIO("a"))
                    elif request.param == "stat":
                        monkeypatch.setattr(os, "stat", fail)
                    elif request.param == "getcwd":
                        monkeypatch.setattr(os, "getcwd", fail)
                    elif request.param == "trace":
                        before = sys.gettrace()
                        sys.settrace(lambda *args: None)
                        request.addfinalizer(lambda: sys.settrace(before))
                    elif request.param == "restart":
                        sys.monitoring.restart_events()
                    elif request.param == "path":
                        monkeypatch.setattr(pathlib.Path, "exists", fail)
                    elif request.param == "time":
                        monkeypatch.setattr(time, "time_ns", fail)

                def test_replaced(replaced):
                    assert lib.f() == 1

                def test_after():
                    assert lib.g() == 2
                    assert lib.read() == "a"
            """,
        }
    )
    assert found.users("block lib.py::f") == set(found.uses) - {"test_after"}
    assert found.users("block lib.py::g", "file data.txt") == {"test_after"}
    assert set(found.obstacles.values()) == {""}


def test_audit_hook_that_raises(track: Callable[..., Tracked]) -> None:
    """The hook of the suite forbids nexus to read the file too; that is unknown, and no more."""
    found = track(
        {
            "lib.py": LIB,
            "data.txt": "a",
            "other.txt": "a",
            "test_a.py": """
                import sys
                import pytest
                import lib

                IS_RAISING = [False]

                def hook(event, arguments):
                    if IS_RAISING[0] and event in ("open", "exec", "import"):
                        raise PermissionError(event)

                sys.addaudithook(hook)

                def test_raises():
                    IS_RAISING[0] = True
                    try:
                        with pytest.raises(PermissionError):
                            lib.read()
                    finally:
                        IS_RAISING[0] = False

                def test_after():
                    assert open("other.txt").read() == "a"
            """,
        }
    )
    assert "data.txt" in found.obstacles["test_raises"]
    assert found.users("file other.txt") == {"test_after"}
    assert found.obstacles["test_after"] == ""


def test_deep_recursion(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                import os

                def deep():
                    try:
                        return deep()
                    except RecursionError:
                        return at_the_end()

                def at_the_end():
                    return os.environ.get("AT_THE_END")

                def opening(n):
                    try:
                        open("data.txt").close()
                    except RecursionError:
                        return n
                    return opening(n + 1)

                def other():
                    return 1
            """,
            "data.txt": "a",
            "test_a.py": """
                import pytest
                import lib

                def test_deep(): lib.deep()
                def test_opening():
                    with pytest.raises(RecursionError):
                        lib.opening(1)
                        raise RecursionError
                def test_other():
                    assert lib.other() == 1
                    open("data.txt").close()
            """,
        }
    )
    assert found.users("block lib.py::at_the_end") == {"test_deep"}
    assert found.users("block lib.py::other") == {"test_other"}
    assert found.obstacles["test_deep"] in ("", TOO_DEEP)  # how near the end it reads
    assert found.obstacles["test_opening"] == TOO_DEEP
    assert found.obstacles["test_other"] == ""
    assert "file data.txt" in found.uses["test_other"]


def test_modules_that_are_removed_or_replaced(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "pkg/__init__.py": "",
            "pkg/part.py": "VALUE = 1",
            "lazy.py": """
                import sys

                class Lazy:
                    def __getattr__(self, name):
                        raise RuntimeError(name)

                sys.modules[__name__] = Lazy()
                sys.modules["nothing"] = None
                sys.modules["number"] = 3
            """,
            "test_a.py": """
                import lib, lazy
                from pkg import part

                def test_lib(): assert lib.f() == 1
            """,
            "test_b.py": """
                import lib
                from pkg.part import VALUE

                def test_value(): assert VALUE
            """,
            "test_c.py": """
                import sys

                def test_removes():
                    for name in ("lib", "pkg", "pkg.part"):
                        del sys.modules[name]
            """,
        },
        "--nexus-order=off",
    )
    assert found.users("module lib.py", "module pkg/part.py") == {"test_lib", "test_value"}
    assert found.users("module lazy.py") == {"test_lib"}


def test_script_that_is_run(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "script.py": "import part\nfrom lib import f\nVALUE = f()",
            "part.py": "",
            "lib.py": LIB,
            "test_a.py": """
                import runpy

                def test_first(): assert runpy.run_path("script.py")["VALUE"] == 1
                def test_second(): assert runpy.run_path("script.py")["VALUE"] == 1
                def test_none(): pass
            """,
        }
    )
    users = {"test_first", "test_second"}
    assert found.users("module script.py", "module part.py", "block lib.py::f") == users


def test_session_within_a_session(track: Callable[..., Tracked]) -> None:
    """A suite of a plugin runs pytest in its own process, with nexus in both sessions."""
    found = track(
        {
            "lib.py": LIB,
            "data.txt": "a",
            "inner/pytest.ini": "[pytest]\n",
            "inner/inner_case.py": "def test_inner(): pass",
            "test_a.py": """
                import os
                import pytest
                import lib

                def test_inner_session():
                    status = pytest.main(
                        ["inner/inner_case.py", "--rootdir=inner", "-p", "nexus", "--nexus",
                         "-o", "nexus_dependencies=true", "-p", "no:cacheprovider"]
                    )
                    assert status == 0

                def test_later():
                    assert lib.read() == "a"
                    assert os.environ.get("LATER") is None
            """,
        },
        "--nexus-order=off",
    )
    assert found.users("block lib.py::read", "file data.txt", "variable LATER") == {"test_later"}


def test_killed_session(project: Callable[[Mapping[str, str]], Project]) -> None:
    made = project(
        {
            "lib.py": LIB,
            "test_a.py": """
                import os, signal
                import lib

                def test_f(): assert lib.f() == 1

                def test_killed():
                    if os.path.exists("kill"):
                        os.kill(os.getpid(), signal.SIGKILL)
            """,
            "kill": "",
        }
    )
    result = made.run("-o", "nexus_dependencies=true", "--nexus-order=off")
    assert result.exit_status not in (0, 1)
    journal = read_journal(made.journals[0])
    assert [one.nodeid for one in journal.attempts] == ["test_a.py::test_f"]
    assert journal.uses.tests == ()
    (made.root / "kill").unlink()
    assert tracked(made).users("block lib.py::f") == {"test_f"}


@pytest.mark.parametrize("ending", ["os._exit(3)", "pytest.exit('enough')"])
def test_session_that_ends_early(track: Callable[..., Tracked], ending: str) -> None:
    workers = ("-n2", "--dist=each") if "_exit" in ending else ()
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": f"""
                import os, pytest
                import lib

                def test_f(): assert lib.f() == 1

                def test_ends():
                    {ending}

                def test_g(): assert lib.g() == 2
            """,
        },
        "--nexus-order=off", "--max-worker-restart=0" if workers else "-q", *workers[:1],
        passes=False,
    )  # fmt: skip
    if not workers:
        assert found.users("block lib.py::f") == {"test_f"}
        assert "test_g" not in found.uses


def test_environment_after_the_session(project: Callable[[Mapping[str, str]], Project]) -> None:
    made = project(
        {
            "lib.py": LIB,
            "test_a.py": """
                import os
                import lib

                def test_f():
                    assert lib.f() == 1
                    os.environ["MADE_BY_TEST"] = "a"
            """,
            "run.py": """
                import os, sys
                import pytest

                data = os.environ._data
                status = pytest.main(sys.argv[1:])
                assert os.environ._data is data and type(data) is dict
                assert os.environb._data is data
                assert os.environ["MADE_BY_TEST"] == "a"
                assert type(os.environ) is os._Environ
                assert all(sys.monitoring.get_tool(each) is None for each in range(6))
                print("status", int(status))
            """,
        }
    )
    arguments = made.command("-o", "nexus_dependencies=true")
    import subprocess  # noqa: PLC0415

    done = subprocess.run(
        [arguments[0], "run.py", *arguments[3:]],
        cwd=made.root, env=made.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "status 0" in done.stdout, done.stdout + done.stderr


def test_current_folder_that_is_gone(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "data.txt": "a",
            "test_a.py": """
                import os, shutil
                import pytest
                import lib

                def test_gone(tmp_path, monkeypatch):
                    (tmp_path / "gone").mkdir()
                    monkeypatch.chdir(tmp_path / "gone")
                    shutil.rmtree(tmp_path / "gone")
                    with pytest.raises(FileNotFoundError):
                        open("data.txt")
                    os.listdir(".")

                def test_later():
                    assert lib.read() == "a"
            """,
        },
        "--nexus-order=off",
    )
    assert found.users("file data.txt") == {"test_later"}
    assert set(found.obstacles.values()) == {""}


def test_names_of_odd_kinds(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "data.txt": "a",
            "test_a.py": r"""
                import os, pathlib
                import pytest

                class Path:
                    def __fspath__(self):
                        return "data.txt"

                @pytest.mark.parametrize("name", [b"data.txt", Path(), pathlib.Path("data.txt")])
                def test_kinds(name):
                    with open(name) as file:
                        assert file.read() == "a"
                    os.close(os.open(name, os.O_RDONLY))

                def test_descriptor():
                    number = os.open(".", os.O_RDONLY)
                    assert "data.txt" in os.listdir(number)
                    os.close(number)

                @pytest.mark.parametrize("name", ["a\\0b", "\\udcff"], ids="ab")
                def test_impossible(name):
                    for use in (open, os.listdir):
                        with pytest.raises((OSError, ValueError)):
                            use(name)
            """,
        }
    )
    assert {each for each in found.uses if "kinds" in each} <= found.users("file data.txt")
    assert found.users("folder .") == {"test_descriptor"}
    assert set(found.obstacles.values()) == {""}
