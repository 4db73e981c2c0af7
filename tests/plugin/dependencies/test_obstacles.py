"""What makes the result of a test impossible to reuse, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.dependencies.scope_observer import THREAD
from pytest_nexus.record.dependencies.watching import opened
from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

OBSTACLES = {
    "subprocess": (opened.PROCESS, "subprocess.run(['true'])"),
    "popen": (opened.PROCESS, "os.popen('true').close()"),
    "system": (opened.PROCESS, "os.system('true')"),
    "spawn": (opened.PROCESS, "os.posix_spawn('/bin/true', ['true'], {})"),
    "fork": (opened.PROCESS, "os.waitpid(os.fork() or os._exit(0), 0)"),
    "asyncio": (opened.PROCESS, "asyncio.run(asyncio.create_subprocess_exec('true'))"),
    "connect": (
        opened.NETWORK,
        "tried(socket.create_connection, ('203.0.113.1', 9), timeout=0.01)",
    ),
    "url": (
        opened.NETWORK,
        "tried(urllib.request.urlopen, 'http://203.0.113.1/', timeout=0.01)",
    ),
    "name": (opened.NETWORK, "tried(socket.getaddrinfo, 'nowhere.invalid', 80)"),
    "old_name": (opened.NETWORK, "tried(socket.gethostbyname, 'nowhere.invalid')"),
    "datagram": (
        opened.NETWORK,
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('203.0.113.1', 9))",
    ),
    "database": (opened.DATABASE, "sqlite3.connect('kept.sqlite').close()"),
    "database_uri": (opened.DATABASE, "sqlite3.connect('file:kept.sqlite?mode=ro', uri=True)"),
    "library": (opened.LIBRARY, "ctypes.CDLL(None)"),
    "thread": (THREAD, "threading.Thread(target=time.sleep, args=[5], daemon=True).start()"),
}

HARMLESS = {
    "localhost": "socket.socket().connect_ex(('127.0.0.1', 9))",
    "local_name": "socket.getaddrinfo('localhost', 80)",
    "pair": "socket.socketpair()",
    "memory": "sqlite3.connect(':memory:').execute('select 1')",
    "own_database": "sqlite3.connect('made.sqlite').execute('create table a(b)')",
    "python": "subprocess.run([sys.executable, '-c', ''])",
    "loop": "asyncio.run(asyncio.sleep(0))",
    "joined_thread": "[one.start() or one.join() for one in [threading.Thread(target=print)]]",
    "lock": "multiprocessing.Lock",
}

PREPARATION = """\
import asyncio, ctypes, multiprocessing, os, socket, sqlite3, subprocess, sys, threading, time
import urllib.request

def tried(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except OSError:
        pass

"""


def test_obstacles(track_anyhow: Callable[..., Tracked]) -> None:
    cases = {name: action for name, (_, action) in OBSTACLES.items()} | HARMLESS
    functions = [f"def do_{name}():\n    {cases[name]}\n" for name in cases]
    tests = [f"def test_{name}(): lib.do_{name}()\n" for name in cases]
    found = track_anyhow(
        {
            "kept.sqlite": "",
            "lib.py": PREPARATION + "".join(functions),
            "test_a.py": "".join(["import lib\n", *tests, "def test_none(): pass\n"]),
        },
        "-p", "no:unraisableexception", "-p", "no:threadexception", "-Wignore",
    )  # fmt: skip
    expected = {f"test_{name}": why for name, (why, _) in OBSTACLES.items()}
    harmless = {f"test_{name}": "" for name in [*HARMLESS, "none"]}
    assert found.obstacles == expected | harmless


@pytest.mark.parametrize("scope", ["module", "session"])
def test_obstacle_of_a_fixture(track_anyhow: Callable[..., Tracked], scope: str) -> None:
    found = track_anyhow(
        {
            "conftest.py": f"""
                import os, pytest

                @pytest.fixture(scope="{scope}")
                def started():
                    os.system("true")

                @pytest.fixture(scope="{scope}")
                def ended():
                    yield
                    os.system("true")
            """,
            "test_a.py": """
                def test_first(started): pass
                def test_second(started): pass
                def test_ended(ended): pass
                def test_ended_too(ended): pass
                def test_none(): pass
            """,
        }
    )
    hindered = {"test_first", "test_second", "test_ended", "test_ended_too"}
    assert {name for name, why in found.obstacles.items() if why == opened.PROCESS} == hindered
    assert found.obstacles["test_none"] == ""


def test_obstacle_of_an_import(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": "import subprocess\nVERSION = subprocess.run(['true'])",
            "late.py": "import os\nos.system('true')",
            "cached.py": """
                from functools import cache
                import os

                @cache
                def run():
                    return os.system("true")
            """,
            "test_a.py": """
                import lib

                def test_import(): pass
            """,
            "test_b.py": """
                import cached

                def test_late():
                    import late

                def test_late_too():
                    import late

                def test_cached(): cached.run()
                def test_cached_too(): cached.run()
                def test_none(): pass
            """,
        }
    )
    assert found.obstacles == {
        "test_import": opened.PROCESS,
        "test_late": opened.PROCESS,
        "test_late_too": opened.PROCESS,
        "test_cached": opened.PROCESS,
        "test_cached_too": opened.PROCESS,
        "test_none": "",
    }


def test_thread_that_outlives_its_test(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": """
                import threading

                go, done = threading.Event(), threading.Event()

                def work():
                    go.wait(20)
                    late()
                    done.set()

                def late(): pass
            """,
            "test_a.py": """
                import threading
                import lib

                def test_starts():
                    threading.Thread(target=lib.work, daemon=True).start()

                def test_later():
                    lib.go.set()
                    assert lib.done.wait(20)
            """,
        }
    )
    assert found.obstacles["test_starts"] == THREAD
    assert "block lib.py::late" in found.uses["test_later"]


def test_module_of_no_distribution(track: Callable[..., Tracked], tmp_path: object) -> None:
    """A module from elsewhere may change, and nothing would tell."""
    (tmp_path / "elsewhere").mkdir()  # type: ignore[operator] # of pathlib
    (tmp_path / "elsewhere" / "foreign_lib.py").write_text("A = 1\n")  # type: ignore[operator] # of pathlib
    found = track(
        {
            "test_a.py": f"""
                import sys
                sys.path.append({str(tmp_path / "elsewhere")!r})
                import foreign_lib

                def test_foreign(): pass
            """,
            "test_b.py": "def test_none(): pass",
        }
    )
    assert "foreign_lib" in found.obstacles["test_foreign"]
    assert found.obstacles["test_none"] == ""


def test_thread_of_a_shared_fixture(track: Callable[..., Tracked]) -> None:
    """A server that a fixture starts may run until the fixture ends."""
    found = track(
        {
            "lib.py": """
                import queue, threading

                asked, answered = queue.Queue(), queue.Queue()

                def serve():
                    while (name := asked.get()) is not None:
                        answered.put(globals()[name]())

                def one():
                    return 1

                def two():
                    return 2

                def ask(name):
                    asked.put(name)
                    return answered.get()
            """,
            "test_a.py": """
                import threading, time
                import pytest
                import lib

                @pytest.fixture(scope="session")
                def server():
                    thread = threading.Thread(target=lib.serve)
                    thread.start()
                    yield lib.ask
                    lib.asked.put(None)
                    thread.join()

                def test_one(server): assert server("one") == 1
                def test_two(server): assert server("two") == 2

                def test_leaves_its_own(server):
                    threading.Thread(target=time.sleep, args=[5], daemon=True).start()
            """,
        }
    )
    assert found.users("block lib.py::one") == {"test_one"}
    assert found.users("block lib.py::two") == {"test_two"}
    assert found.users("block lib.py::serve") == set(found.uses)
    assert found.obstacles == {"test_one": "", "test_two": "", "test_leaves_its_own": THREAD}
