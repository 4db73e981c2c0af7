"""Sessions and commands under every interpreter of the machine, with every warning an error.

The packages are those beside this interpreter: all that a session imports is plain Python.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_nexus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

OLDEST = (3, 11)
WANTED = ("3.11", "3.12", "3.13", "3.14")
FILES = {
    "pytest.ini": "[pytest]\nfilterwarnings = error\n",
    "test_a.py": """
        import pathlib

        def test_good(): pass
        def test_bad(): assert 0
        def test_flaky():
            seen = pathlib.Path("seen")
            if not seen.exists():
                seen.write_text("x")
                assert 0
    """,
}
COMMANDS = (
    ("history", "show"),
    ("history", "rebuild"),
    ("history", "check"),
    ("flaky", "--all"),
    ("explain", "test_a.py::test_bad"),
    ("quarantine", "list"),
    ("quarantine", "update", "--dry-run"),
    ("model", "show"),
    ("simulate",),
    ("verify",),
    ("report",),
)


def interpreters() -> dict[str, Path]:
    """The interpreters of pyenv, those on the path, and this one, by version; each program once."""
    places = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python"))
    found = {place.parents[1].name: place for place in places}
    for folder in os.get_exec_path():
        if ".pyenv" not in Path(folder).parts:
            found |= {f"{name} on the path": Path(folder) / f"python{name}" for name in WANTED}
    found["this one"] = Path(sys.executable)
    usable = {name: place for name, place in found.items() if place.exists() and is_recent(name)}
    named_first = {place.resolve(): name for name, place in reversed(usable.items())}
    return {name: place for name, place in usable.items() if name in named_first.values()}


def is_recent(name: str) -> bool:
    numbers = name.partition(" ")[0].split(".")[:2]
    return not numbers[0].isdecimal() or tuple(map(int, numbers)) >= OLDEST


FOUND = interpreters()


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """A folder whose `sitecustomize` adds the packages of this interpreter, `.pth` files too."""
    packages = str(Path(pytest.__file__).parents[1])
    assert packages in [*site.getsitepackages(), *sys.path]
    made = tmp_path / "sites"
    made.mkdir()
    root = str(Path(pytest_nexus.__file__).parents[1])
    (made / "sitecustomize.py").write_text(
        f"import site, sys\nsys.path.append({root!r})\nsite.addsitedir({packages!r})\n"
    )
    return made


@pytest.fixture
def run(
    project: Callable[..., Project], sites: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    made = project(FILES)
    bytecode = sites.with_name("bytecode")  # of each interpreter its own, and compiled once

    def go(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = made.environment(PYTHONWARNINGS="error", PYTHONPYCACHEPREFIX=str(bytecode))
        environment["PYTHONPATH"] = os.pathsep.join([str(sites), environment["PYTHONPATH"]])
        return subprocess.run(
            [str(python), "-X", "dev", *arguments],
            cwd=made.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return go


@pytest.mark.parametrize("name", FOUND)
def test_sessions_and_commands_raise_no_warning(
    run: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    python = FOUND[name]
    given = ("-m", "pytest", "-W", "error", "-p", "nexus", "-p", "xdist", "-p", "no:cacheprovider")
    bare = run(python, *given)
    assert bare.returncode == 1, bare.stdout + bare.stderr
    for mode in ((), ("-n", "2"), ("--nexus-explain",), ("--nexus-order=off",), ("-q",)):
        done = run(python, *given, "--nexus", "--nexus-reruns=1", "--nexus-rerun-delay=0", *mode)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "1 failed, 2 passed" in said or "1 failed, 1 passed, 1 flaky" in said, said
        for sign in ("INTERNALERROR", "Warning", "[NX222]", "Traceback"):
            assert sign not in said, said
    for command in COMMANDS:
        done = run(python, "-m", "pytest_nexus.cli.main", *command)
        assert "Warning" not in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("version", WANTED)
def test_version_is_on_this_machine(version: str) -> None:
    if not any(name.startswith(f"{version}.") for name in FOUND):
        pytest.skip(f"no Python {version} is on this machine")
