"""What the Python processes that tests start use, and which processes cannot be followed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.dependencies.children.child_records import UNFINISHED, UNRECORDED
from pytest_nexus.record.dependencies.children.starts import PROCESS
from tests.support.project import Project
from tests.support.recorded_suite import recorded_once
from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.tracked import Tracked

pytestmark = [
    needs_monitoring,
    pytest.mark.posix(reason="Windows starts processes in another way; such tests always run"),
]

LIB = """\
import concurrent.futures, multiprocessing, os, subprocess, sys

FORK = multiprocessing.get_context("fork")

def forked(target, *given):
    one = FORK.Process(target=target, args=given)
    one.start()
    return one

def imports():
    import late

def nested():
    python("")

def forks():
    process("fork", print)

def pool(target):
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=FORK) as made:
        made.submit(target).result()

def python(code, *flags, **named):
    return subprocess.run([sys.executable, *flags, "-c", code], check=True, **named)

def process(method, target):
    one = multiprocessing.get_context(method).Process(target=target)
    one.start()
    one.join()
    assert one.exitcode == 0
"""
ONLY = """\
import os

def load():
    return open("data.txt").read()

def look():
    return os.path.exists("absent.txt") or os.listdir("folder")

def sleep():
    __import__("time").sleep(20)

def mode():
    return os.environ.get("MODE")
"""
FOLLOWED = {
    "imports": ("lib.python('import only')", {"file only.py"}),
    "reads": ("lib.python('import only; only.load()')", {"file only.py", "file data.txt"}),
    "looks": ("lib.python('import only; only.look()')", {"file absent.txt", "folder folder"}),
    "variable": ("lib.python('import only; only.mode()')", {"variable MODE"}),
    "given": (
        "lib.python('import only', env={**os.environ, 'PYTHONPATH': 'folder'})",
        {"file only.py"},
    ),
    "grandchild": (
        "lib.python('import lib; lib.python(\"import only\")')",
        {"file only.py"},
    ),
    "spawned": ("lib.process('spawn', only.load)", {"file only.py", "file data.txt"}),
    "forked": (
        "lib.process('fork', only.load)",
        {"block only.py::load", "file data.txt", "block lib.py::process"},
    ),
    "forked_look": ("lib.process('fork', only.look)", {"file absent.txt", "folder folder"}),
    "forked_import": ("lib.process('fork', lib.imports)", {"file late.py", "file data.txt"}),
    "pool": ("lib.pool(only.mode)", {"block only.py::mode", "variable MODE"}),
    "package": ("lib.python('import pluggy')", {"distribution pluggy"}),
    "unseen": ("""lib.python('''if 1:
        import os, sys
        assert not [n for n in os.environ if n.startswith("NEXUS_STEP")]
        assert "PYTHONPATH" not in os.environ
        assert not {"typing", "json", "hashlib", "pytest_nexus"} & {*sys.modules}
        assert not [p for p in sys.path if "nexus" in p.rpartition("/record/")[2]]
        os.environ["X"] = "1"
    ''', env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})""", set()),
}  # fmt: skip
UNKNOWN = {
    "isolated": (UNRECORDED, "lib.python('', '-I')"),
    "no_site": (UNFINISHED, "lib.python('import site; site.main(); import only', '-S')"),
    "killed": (UNFINISHED, "subprocess.run([sys.executable, '-c', 'import os; os._exit(0)'])"),
    "left": (UNFINISHED, """lib.KEPT = subprocess.Popen(
        [sys.executable, '-c', 'input("ready"); input()'], stdin=-1, stdout=-1)
    lib.KEPT.stdin.write(b"\\n"); lib.KEPT.stdin.flush()
    lib.KEPT.stdout.read(5)"""),
    "ended": (UNRECORDED, "lib.forked(os._exit, 0)"),
    "inside": (PROCESS, "lib.process('fork', lib.nested)"),
    "inside_too": (PROCESS, "lib.process('fork', lib.forks)"),
    "terminated": (UNRECORDED, "lib.forked(only.sleep).terminate()"),
    "forks": (PROCESS, "lib.python('import os; os.fork()')"),
    "shell": (PROCESS, "lib.python('import os; os.system(\"true\")')"),
    "foreign": (PROCESS, "subprocess.run(['true'])"),
    "before": (PROCESS, "lib.python('', preexec_fn=only.mode)"),
    "server": (PROCESS, "lib.process('forkserver', only.load)"),
    "same_server": (PROCESS, "lib.process('forkserver', only.load)"),
}  # fmt: skip


def test_what_processes_use(track_anyhow: Callable[..., Tracked]) -> None:
    actions = {name: action for name, (action, _) in FOLLOWED.items()}
    actions |= {name: action for name, (_, action) in UNKNOWN.items()}
    tests = [f"def test_{name}():\n    {action}\n" for name, action in actions.items()]
    found = track_anyhow(
        {
            "lib.py": LIB,
            "only.py": ONLY,
            "late.py": "import only\nonly.load()\n",
            "data.txt": "data",
            "folder/a.txt": "a",
            "test_a.py": "\n".join(
                ["import os, subprocess, sys", "import lib, only", *tests, "def test_none(): pass"]
            ),
        },
        "-p", "no:unraisableexception", "-Wignore",
    )  # fmt: skip
    obstacles = {f"test_{name}": why for name, (why, _) in UNKNOWN.items()}
    assert {name: why for name, why in found.obstacles.items() if why} == obstacles
    for name, (_, used) in FOLLOWED.items():
        assert found.uses[f"test_{name}"].keys() >= used, name
    assert not found.users("file only.py") & {"test_none", "test_package", "test_unseen"}


SUITE = {
    "app/__init__.py": "",
    "app/main.py": """
        from app import part

        try:
            from app import fast
        except ImportError:
            fast = None
    """,
    "app/part.py": "VALUE = 1\n",
    "test_a.py": """
        import subprocess, sys
        import pytest

        @pytest.fixture(scope="module")
        def made():
            return subprocess.run([sys.executable, "-m", "app.main"], check=True)

        def test_own(): subprocess.run([sys.executable, "-m", "app.main"], check=True)
        def test_first(made): pass
        def test_second(made): pass
        def test_isolated(): subprocess.run([sys.executable, "-I", "-c", ""], check=True)
        def test_none(): pass
    """,
}
ALWAYS = {"test_isolated"}
BELOW = {"test_own", "test_first", "test_second"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tests were recorded once."""
    return recorded_once(tmp_path_factory.mktemp("recorded"), SUITE)


@pytest.mark.parametrize(
    ("files", "names", "way"),
    [
        ({}, set(), ()),
        ({"app/part.py": "VALUE = 2\n"}, BELOW, ("-n", "2")),
        ({"app/fast.py": ""}, BELOW, ()),
    ],
    ids=["nothing", "source", "new module"],
)
def test_a_change_that_only_a_process_reaches(
    recorded: Path,
    tmp_path: Path,
    files: dict[str, str],
    names: set[str],
    way: tuple[str, ...],
) -> None:
    shutil.copytree(recorded, tmp_path / "copy", symlinks=True)
    project = Project(tmp_path / "copy")
    project.write(files)
    result = project.run("--nexus-select=affected", "-p", "nexus_no_audit", *way)
    assert set(result.names) == names | ALWAYS
