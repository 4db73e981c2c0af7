"""The interpreter for the environments is found by itself, and CI refuses one that is too old."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "find_python.sh"
CI = ROOT / ".ci" / "run"
TOOLS = ("bash", "dirname", "grep", "ls", "sh", "sort")
BROKEN = "a shim"
"""What pyenv puts on the path for a version that is not chosen."""

pytestmark = pytest.mark.posix("the interpreters are scripts of a shell")

_STUB = """\
#!/bin/sh
[ "$1" = -c ] || exit 9
shift
exec {real} -c '
import sys
sys.version_info = {version}
sys._base_executable = "{itself}"
{more}
code = sys.argv.pop(1)
exec(code)' "$@"
"""


def interpreter(path: Path, version: str, more: str = "") -> None:
    """Write a script that is taken for an interpreter of that version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = tuple(map(int, version.split("."))) if version != BROKEN else ()
    stub = _STUB.format(real=sys.executable, version=numbers, itself=path, more=more)
    path.write_text(stub if numbers else "#!/bin/sh\nexit 127\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script on a machine with these interpreters on its path and in pyenv's folder."""

    def run(
        on_path: Mapping[str, str], pyenv: tuple[str, ...], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        path = tools(tmp_path)
        for name, version in on_path.items():
            interpreter(path / name, version)
        for version in pyenv:
            interpreter(tmp_path / ".pyenv" / "versions" / version / "bin" / "python3", version)
        environ = {"PATH": str(path), "HOME": str(tmp_path)}
        command = [SCRIPT, *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    return run


def tools(folder: Path) -> Path:
    """Return a folder for the path in which there is no interpreter yet."""
    path = folder / "path"
    path.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (path / name).symlink_to(found)
    return path


@pytest.mark.parametrize(
    ("on_path", "pyenv", "expected"),
    [
        ({"python3": "3.12.4", "python3.13": "3.13.1"}, (), "path/python3"),
        ({"python3": "3.11.7", "python3.12": "3.12.1"}, ("3.13.0",), "path/python3.12"),
        ({"python3.12": "3.12.1", "python3.13": "3.13.0"}, (), "path/python3.13"),
        ({"python3": "3.11.7", "python3.13": BROKEN}, ("3.12.9", "3.13.2", "3.13.10"), "3.13.10"),
        ({"python3": "3.10.1", "python3.14": "3.14.0"}, ("3.12.1",), "3.12.1"),
        ({"python3": "3.10.1", "python3.14": "3.14.0"}, ("3.14.1", "3.11.2"), "path/python3.14"),
        ({}, ("3.9.18", "3.14.1", "3.11.2"), "3.14.1"),
    ],
    ids=["python3", "path", "newest", "pyenv", "3.14 last", "3.14 on the path", "3.14 alone"],
)  # fmt: skip
def test_first_interpreter_that_can_do_all_is_taken(
    find: Callable[..., subprocess.CompletedProcess[str]],
    on_path: Mapping[str, str],
    pyenv: tuple[str, ...],
    expected: str,
) -> None:
    done = find(on_path, pyenv)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in Path(done.stdout.strip()).as_posix()


def test_oldest_interpreter_is_taken_with_a_line_about_what_is_skipped(
    find: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = find({"python3": "3.10.2", "python3.13": BROKEN}, ("3.10.2", "3.11.7"))
    assert (done.returncode, "3.11.7" in done.stdout) == (0, True)
    (line,) = done.stderr.splitlines()
    assert "tests of what each test uses" in line


def test_machine_without_a_suitable_interpreter_is_told_what_to_name(
    find: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = find({"python3": "3.10.2"}, ("3.9.1",))
    assert (done.returncode, done.stdout) == (1, "")
    assert "PYTHON=" in done.stderr


@pytest.mark.parametrize(("pyenv", "status"), [(("3.11.7", "3.13.0"), 0), (("3.13.0",), 1)])
def test_one_version_can_be_asked_for(
    find: Callable[..., subprocess.CompletedProcess[str]], pyenv: tuple[str, ...], status: int
) -> None:
    done = find({"python3": "3.13.0"}, pyenv, "3.11")
    assert (done.returncode, "3.11.7" in done.stdout) == (status, status == 0)


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_interpreter_that_can_make_no_environment_is_passed_over(
    find: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, missing: str
) -> None:
    lame = tmp_path / ".pyenv" / "versions" / "3.13.9" / "bin" / "python3"
    interpreter(lame, "3.13.9", f'sys.modules["{missing}"] = None')
    done = find({}, ("3.12.1",))
    assert "3.12.1" in done.stdout


@pytest.mark.parametrize(
    ("version", "ci", "made"),
    [
        ("3.11.9", "true", False),
        ("3.12.1", "true", True),
        ("3.11.9", "", True),
    ],
)
def test_ci_refuses_an_interpreter_for_which_tests_are_skipped(
    tmp_path: Path, version: str, ci: str, made: bool
) -> None:
    path = tools(tmp_path)
    interpreter(path / "python3", version)
    (path / "make").write_text(f'#!/bin/sh\necho "$PYTHON" >> {tmp_path / "made"}\n', "utf-8")
    (path / "make").chmod(0o755)
    environ = {"PATH": str(path), "HOME": str(tmp_path), "CI": ci}
    done = subprocess.run([CI], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, (tmp_path / "made").exists()) == (made, made), done.stderr
    if made:
        assert set((tmp_path / "made").read_text("utf-8").split()) == {str(path / "python3")}
    else:
        assert "PYTHON=" in done.stderr


def test_environment_of_another_version_is_made_again(tmp_path: Path) -> None:
    """venv would leave the earlier interpreter in it."""
    if os.name == "nt" or shutil.which("make") is None:
        pytest.skip("needs make and a shell")
    recipe = next(
        line for line in (ROOT / "Makefile").read_text("utf-8").splitlines()
        if line.startswith("fresh = ")
    )  # fmt: skip
    for name, version in (("old", "Python 3.11.1"), ("new", "Python 3.13.1")):
        stub = tmp_path / name
        stub.write_text(
            f'#!/bin/sh\nif [ "$1" = -V ]; then echo {version}; else mkdir -p "$3"; '
            'cp "$0" "$3/python"; fi\n',
            "utf-8",
        )
        stub.chmod(0o755)
    (tmp_path / "Makefile").write_text(
        f"{recipe}\nall:\n\t$(call fresh,env/python,./$(USED),env)\n", "utf-8"
    )
    kept = []
    for used in ("old", "old", "new"):
        command = ["make", "-s", f"USED={used}"]
        subprocess.run(command, cwd=tmp_path, check=True)
        kept.append((tmp_path / "env" / "kept").exists())
        (tmp_path / "env" / "kept").touch()
    assert kept == [False, True, False]
