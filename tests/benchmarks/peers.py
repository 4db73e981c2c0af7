"""Virtual environments for nexus and its peers, one each, in `.bench/`; kept between runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks.processes import environment
from tests.benchmarks.tracked_suites import NEEDED, SUITES

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".bench"

_BASE: Final = (f"pytest=={version('pytest')}", f"pytest-xdist=={version('pytest-xdist')}")
_PACKAGED: Final = ("pytest_nexus", "predictor", "pyproject.toml", "README.md", "LICENSE")


OF_PROJECTS: Final = (
    *("cloudpickle", "coverage", "hypothesis", "markupsafe", "pretend", "pympler"),
    *("pytest-benchmark", "tomli_w", "trio"),
)
"""What the tests of the projects need that are replayed and mutated."""

PYTEST_MOCK: Final = "pytest-mock==3.17.0"
"""A suite in which few tests take long: those that start pytest in a process or in their own."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed beside pytest and pytest-xdist."""

    name: str
    requirements: tuple[str, ...] = ()
    is_checkout: bool = False
    """Whether this checkout is installed, built as a wheel: an editable one starts slower."""


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer("bare"),
        Peer("nexus", is_checkout=True),
        Peer("nexus-suites", ("networkx", "sympy"), is_checkout=True),
        Peer(
            "tracked-suites",
            (*(suite.requirement for suite in SUITES), *NEEDED, "pytest-testmon", "pytest-cov"),
            is_checkout=True,
        ),
        Peer("nexus-projects", OF_PROJECTS, is_checkout=True),
        Peer("testmon-projects", ("pytest-testmon", *OF_PROJECTS)),
        Peer("pytest-mock", (PYTEST_MOCK, "pytest-asyncio"), is_checkout=True),
        Peer("pytest-split", ("pytest-split",)),
        Peer("pytest-reportlog", ("pytest-reportlog",)),
        Peer("pytest-testmon", ("pytest-testmon",)),
        Peer("pytest-rerunfailures", ("pytest-rerunfailures==16.7",)),
        Peer("pytest-retry", ("pytest-retry",)),
    )
}


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that is ready."""

    python: Path
    versions: dict[str, str]
    """Of every distribution in it."""


class NotInstalledError(Exception):
    """An environment could not be made, for want of a package index perhaps."""


def prepare(peer: Peer) -> Environment:
    """Return the environment of a peer, made anew where what belongs into it has changed.

    Raises:
        NotInstalledError: pip failed; with the end of what it printed.
    """
    folder = FOLDER / peer.name
    ready = folder / ".ready"
    wanted = _fingerprint(peer)
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _install(folder, peer)
        ready.write_text(wanted, encoding="utf-8")
    return Environment(_python(folder), _versions(folder))


def _install(folder: Path, peer: Peer) -> None:
    if not peer.is_checkout:
        _pip(folder, "install", *_BASE, *peer.requirements)
        return
    # From a copy: an old `build/` in the checkout would end up in the wheel.
    with TemporaryDirectory(prefix="nexus-bench-") as copy:
        for name in _PACKAGED:
            source, target = ROOT / name, Path(copy) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        _pip(folder, "install", *_BASE, *peer.requirements, copy)


def _pip(folder: Path, *arguments: str) -> str:
    pip = (str(_python(folder)), "-m", "pip", "--disable-pip-version-check")
    done = subprocess.run(
        (*pip, *arguments), capture_output=True, text=True, env=environment(), check=False
    )
    if done.returncode != 0:
        raise NotInstalledError(f"pip {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _versions(folder: Path) -> dict[str, str]:
    listed = json.loads(_pip(folder, "list", "--format=json"))
    return {each["name"]: each["version"] for each in listed if each["name"] != "pip"}


def _fingerprint(peer: Peer) -> str:
    digest = hashlib.sha256(repr((sys.version, _BASE, peer)).encode())
    for name in _PACKAGED if peer.is_checkout else ():
        source = ROOT / name
        files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
