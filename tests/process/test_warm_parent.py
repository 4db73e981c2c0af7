"""Sessions that a warm parent forks are like those that an interpreter starts.

A conftest tells what its process looks like when it is imported, and the tests compare.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import warm
from tests.support.project import Project, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no session is forked")

TELLING = """
import atexit, gc, json, locale, os, pathlib, re, signal, sys, threading

HERE = pathlib.Path(__file__).parent
NAME = os.environ.get("PYTEST_XDIST_WORKER", "main")
MAIN = sys.modules["__main__"]
LINKS = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
OPEN = [re.split("[:#]", os.readlink(one))[0] for one in LINKS if os.path.exists(one)]
FACTS = {
    "modules": sorted(sys.modules),
    "argv": sys.argv,
    "command": sys.orig_argv,
    "path": sys.path,
    "hooks": [type(one).__name__ for one in sys.meta_path],
    "flags": list(sys.flags),
    "executable": sys.executable,
    "warnings": sys.warnoptions,
    "cwd": os.getcwd(),
    "environ": dict(os.environ),
    "umask": os.umask(0o22),
    "encodings": [locale.getpreferredencoding(), sys.getfilesystemencoding(),
                  sys.__stdout__.encoding, sys.__stderr__.errors],
    "streams": [[one.isatty(), one.line_buffering, one.fileno()]
                for one in (sys.__stdin__, sys.__stdout__, sys.__stderr__)],
    "main": [MAIN.__name__, str(getattr(MAIN.__spec__, "origin", None))],
    "signals": {n: str(signal.getsignal(n)) for n in range(1, 32)},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": [one.name for one in threading.enumerate()],
    "is_main": threading.current_thread() is threading.main_thread(),
    "open": sorted(OPEN),
    "gc": [gc.isenabled(), gc.get_threshold()],
}
(HERE / f"{NAME}.facts").write_text(json.dumps(FACTS))
(HERE / f"{NAME}.seed").write_text(str(hash("seed")))
atexit.register((HERE / f"{NAME}.exit").write_text, NAME)
"""
OURS = {"warm_parent", "socket", "_socket", "array"}
"""What a parent imports to be asked; some versions of Python import a part of that at any start."""

SUITE = {"conftest.py": TELLING, "test_a.py": "def test_good(): pass\ndef test_bad(): assert 0\n"}


@pytest.fixture(scope="module", autouse=True)
def parents() -> Iterator[None]:
    yield
    warm.end()


def both(made: Project, *arguments: str, **more: Any) -> tuple[Result, Result]:
    """Run a session that is forked, and one that is started."""
    results = []
    for is_forked in (True, False):
        with warm.allowed(is_forked=is_forked):
            results.append(made.run(*arguments, **more))
        for file in made.root.glob("*.facts"):
            file.rename(file.with_suffix(".forked" if is_forked else ".started"))
    return results[0], results[1]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ["main"]),
        (("test_a.py",), ["main"]),
        (("--no-nexus",), ["main"]),
        (("-n2",), ["main", "gw0", "gw1"]),
    ],
    ids=["nexus", "brief", "without", "workers"],
)
@pytest.mark.parametrize("companions", [None, ("timeout",)], ids=["alone", "companions"])
def test_a_forked_session_is_the_process_that_a_start_makes(
    tmp_path: Path, arguments: tuple[str, ...], names: list[str], companions: tuple[str, ...] | None
) -> None:
    made = Project(tmp_path / "project", SUITE)
    nexus = "--no-nexus" not in arguments
    forked, started = both(made, *arguments, nexus=nexus, companions=companions)

    assert (forked.exit_status, len(forked.order)) == (started.exit_status, len(started.order))
    assert forked.stdout.splitlines()[:2] == started.stdout.splitlines()[:2]
    assert forked.stderr == started.stderr == ""
    for name in names:
        facts = json.loads((made.root / f"{name}.forked").read_text("utf-8"))
        expected = json.loads((made.root / f"{name}.started").read_text("utf-8"))
        for one in (facts, expected):
            environ = one.pop("environ")
            one |= {k: v for k, v in environ.items() if k != "PYTEST_XDIST_TESTRUNUID"}
        modules, usual = set(facts["modules"]), set(expected["modules"])
        assert modules == usual | OURS
        assert "warm_parent" not in usual
        different = {
            fact: (facts.get(fact), expected.get(fact))
            for fact in (facts.keys() | expected.keys()) - {"modules"}
            if facts.get(fact) != expected.get(fact)
        }
        assert different == {}
        assert (made.root / f"{name}.exit").exists()


def test_no_worker_has_the_seed_of_the_controller_or_of_the_other_worker(tmp_path: Path) -> None:
    made = Project(tmp_path / "project", SUITE)
    with warm.allowed():
        made.run("-n2")
    seeds = [(made.root / f"{name}.seed").read_text("utf-8") for name in ("main", "gw0", "gw1")]
    assert len(set(seeds)) == 3


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.kill(os.getpid(), signal.SIGINT)", 2),
        ("os._exit(77)", 77),
        ("pytest.exit('enough', 5)", 5),
    ],
)
def test_a_forked_session_ends_as_a_started_one(tmp_path: Path, ending: str, status: int) -> None:
    text = f"import os, pytest, signal\ndef test_a(): {ending}\n"
    made = Project(tmp_path / "project", {"test_a.py": text})
    forked, started = both(made)
    assert forked.exit_status == started.exit_status == status


def test_a_forked_session_ends_what_it_has_begun(tmp_path: Path) -> None:
    text = """
        import atexit, pathlib, sys, threading, time

        LEFT = open("left", "w")
        LEFT.write("unflushed")
        sys.__stderr__.close()

        class Kept:
            def __del__(self, write=pathlib.Path("deleted").write_text): write("")

        KEPT = Kept()
        KEPT.itself = KEPT

        def work():
            time.sleep(0.2)
            pathlib.Path("joined").write_text("")

        def test_a():
            atexit.register(pathlib.Path("exit").write_text, "")
            threading.Thread(target=work).start()
    """
    made = Project(tmp_path / "project", {"test_a.py": text})
    for is_forked in (True, False):
        with warm.allowed(is_forked=is_forked):
            assert made.run().exit_status == 0
        assert (made.root / "left").read_text("utf-8") == "unflushed"
        for name in ("deleted", "exit", "joined", "left"):
            (made.root / name).unlink()


def test_a_forked_session_finds_the_plugin_of_a_package_that_its_parent_has_not_seen(
    tmp_path: Path,
) -> None:
    made = Project(
        tmp_path / "project",
        {
            "own-1.dist-info/METADATA": "Name: own\nVersion: 1\n",
            "own-1.dist-info/entry_points.txt": "[pytest11]\nown_name = own_module\n",
            "own_module.py": "def pytest_report_header(): return 'our own plugin'\n",
            "test_a.py": "def test_a(): pass\n",
        },
    )
    for result in both(made, "-p", "own_name"):
        assert "our own plugin" in result.stdout


def test_a_worker_that_dies_is_replaced_as_in_a_started_session(tmp_path: Path) -> None:
    text = "import os\ndef test_dies(): os._exit(1)\ndef test_lives(): pass\n"
    made = Project(tmp_path / "project", {"test_a.py": text})
    for result in both(made, "-n1"):
        assert result.exit_status == 1
        assert "worker 'gw0' crashed while running 'test_a.py::test_dies'" in result.stdout
        assert {one["worker"] for one in result.attempts if "lives" in one["nodeid"]} == {"gw1"}


def test_a_session_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    text = """
        import os, pathlib, time
        pathlib.Path("pid").write_text(str(os.getpid()))
        time.sleep(99)
    """
    made = Project(tmp_path / "project", {"conftest.py": text})
    limit_s = 1.0
    while not (made.root / "pid").exists():
        limit_s *= 2
        with warm.allowed(), pytest.raises(subprocess.TimeoutExpired):
            warm.run(made.command(), made.root, made.environment(), limit_s)
    process = int((made.root / "pid").read_text("utf-8"))
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize(
    ("variables", "is_forked"),
    [
        ({}, True),
        ({"PYTHONHASHSEED": "0"}, False),
        ({"TZ": "Asia/Tokyo"}, False),
        ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": None}, False),
    ],
)
def test_what_an_interpreter_reads_at_its_start_needs_a_start(
    tmp_path: Path, variables: dict[str, str | None], is_forked: bool
) -> None:
    made = Project(tmp_path / "project", SUITE)
    with warm.allowed():
        made.run(env=variables)
    facts = json.loads((made.root / "main.facts").read_text("utf-8"))
    assert ("warm_parent" in facts["modules"]) == is_forked


def test_the_marker_asks_for_a_start(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "from pathlib import Path\n"
        "from tests.support.warm import forking_in, may_be_warm\n"
        "pytest_runtest_protocol = forking_in(Path(__file__).parent / 'ours')\n"
        "WARM = {'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}\n"
        "import pytest\n"
        "@pytest.fixture(scope='session')\n"
        "def is_warm(): return lambda: may_be_warm(WARM)\n"
    )
    pytester.mkdir("ours").joinpath("test_ours.py").write_text(
        "import pytest\n"
        "def test_usual(is_warm): assert is_warm()\n"
        "@pytest.mark.plain_start\n"
        "def test_plain(is_warm): assert not is_warm()\n"
    )
    pytester.makepyfile("def test_of_another_folder(is_warm): assert not is_warm()\n")
    pytester.runpytest_inprocess("-p", "no:nexus").assert_outcomes(passed=3)


def test_a_forked_session_has_the_limits_that_are_asked_for(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    text = "import resource\ndef test_a(): assert 0, resource.getrlimit(resource.RLIMIT_NOFILE)\n"
    made = Project(tmp_path / "project", {"test_a.py": text})
    with warm.allowed():
        limits = {resource.RLIMIT_NOFILE: 234}
        done = warm.run(made.command(), made.root, made.environment(), 60, limits)
    assert "(234, 234)" in done.stdout


TELLING_SESSION = """
import json, os, pathlib, sys

FACTS = {
    "argv": sys.argv,
    "command": sys.orig_argv,
    "path": sys.path,
    "cwd": os.getcwd(),
    "leads": os.getsid(0) == os.getpid(),
    "variables": sorted(name for name in os.environ if name.startswith(("NEXUS", "PYTEST"))),
    "streams": [one.isatty() for one in (sys.__stdin__, sys.__stdout__, sys.__stderr__)],
}
with pathlib.Path(__file__).with_name("told").open("a") as file:
    file.write(json.dumps([FACTS, "warm_parent" in sys.modules]) + "\\n")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("order", "bisect", "test_a.py::test_good", "--runs=2"),
        ("flaky", "hunt", "--runs=1"),
        ("history", "show"),
        ("history", "nonsense"),
    ],
    ids=" ".join,
)
def test_a_forked_command_and_its_sessions_do_what_started_ones_do(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    made = Project(tmp_path / "project", SUITE | {"conftest.py": TELLING_SESSION})
    results, told = [], []
    for is_forked in (True, False):
        for folder in (".nexus", ".pytest_cache"):
            shutil.rmtree(made.root / folder, ignore_errors=True)
        with warm.allowed(is_forked=is_forked):
            done = made.nexus(*arguments, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": None})
        seconds = re.compile(r"[0-9.]+ (?:ms|s)\b")
        results.append((done.returncode, *(seconds.sub("", t) for t in (done.stdout, done.stderr))))
        file = made.root / "told"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        told.append([json.loads(line) for line in lines])
        file.unlink(missing_ok=True)
    assert results[0] == results[1]
    assert [without_places(facts) for facts, _ in told[0]] == [
        without_places(f) for f, _ in told[1]
    ]
    assert {is_warm for _, is_warm in told[0]} <= {True}
    assert {is_warm for _, is_warm in told[1]} <= {False}


def without_places(facts: dict[str, Any]) -> dict[str, Any]:
    """What a session tells, without the names of temporary folders."""
    return json.loads(
        re.sub(r"(nexus-[a-z]+-)[a-z0-9_]{8}|[0-9a-f]{16,}", r"\1", json.dumps(facts))
    )
