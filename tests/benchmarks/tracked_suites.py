"""Suites of others, with their sources, on which tracking is measured."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks import processes
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.peers import Environment


class TrackedSuite(NamedTuple):
    """A suite, and the tests of it that are measured."""

    name: str
    requirement: str
    arguments: tuple[str, ...] = ("tests",)
    is_installed: bool = False
    """Whether the wheel holds the tests; else they come from the source distribution."""


SUITES = (
    TrackedSuite("jinja", "jinja2==3.1.6"),
    TrackedSuite("click", "click==8.5.1"),
    TrackedSuite("werkzeug", "werkzeug==3.1.9", ("tests", "--ignore=tests/test_serving.py")),
    TrackedSuite("attrs", "attrs==26.1.0", ("tests", "--ignore=tests/test_mypy.yml")),
    TrackedSuite("packaging", "packaging==26.4"),
    TrackedSuite("more-itertools", "more-itertools==11.2.1"),
    TrackedSuite("networkx, classes", "networkx==3.7", ("networkx/classes",), is_installed=True),
    TrackedSuite("sympy, sets", "sympy==1.14.0", ("sympy/sets",), is_installed=True),
)
NEEDED = (
    *("trio", "hypothesis", "pretend", "cloudpickle", "ephemeral-port-reserve", "tomli_w"),
    "pytest-timeout",
)
"""What the tests of the suites import besides."""


def fetch(suite: TrackedSuite, folder: Path, environment: Environment) -> Path:
    """Write the sources and tests of a suite, committed to git; return their folder.

    Raises:
        RunFailedError: the package index has no such source distribution.
    """
    target = folder / suite.name.partition(",")[0]
    if suite.is_installed:
        package = suite.arguments[0].partition("/")[0]
        site = next((environment.python.parents[1] / "lib").glob("python3*/site-packages"))
        shutil.copytree(site / package, target / package, ignore=_bytecode)
        (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    else:
        _unpack(suite, target, environment.python)
    (target / ".gitignore").write_text("__pycache__/\n.nexus/\n.testmondata*\n", encoding="utf-8")
    init(target).commit()
    return target


_bytecode = shutil.ignore_patterns("__pycache__")


def _unpack(suite: TrackedSuite, target: Path, python: Path) -> None:
    folder = target.with_name(f"{target.name}-sdist")
    pip = (python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:")
    done = subprocess.run(
        [*pip, "--dest", folder, suite.requirement],
        capture_output=True,
        text=True,
        env=processes.environment(),
        check=False,
    )
    archives = list(folder.glob("*.tar.gz")) if done.returncode == 0 else []
    if not archives:
        raise processes.RunFailedError(
            f"pip download {suite.requirement}: {done.stderr.strip()[-300:]}"
        )
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    unpacked = next(one for one in folder.iterdir() if one.is_dir())
    unpacked.rename(target)
