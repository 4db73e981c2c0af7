"""A checkout full of traps: files that leave a mark when something executes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.action.runner import GitHub
    from tests.action.values import WorkflowRun

_MARK: Final = "executed-"
_PYTHON: Final = """\
import os
from pathlib import Path

Path(os.environ["RUNNER_TEMP"], "executed-{name}").touch()
with open(os.environ["GITHUB_ENV"], "a") as file:
    file.write("BASH_ENV=" + os.environ["GITHUB_WORKSPACE"] + "/owned.sh\\n")
with open(os.environ["GITHUB_PATH"], "a") as file:
    file.write(os.environ["GITHUB_WORKSPACE"] + "\\n")
"""
_SHELL: Final = """\
#!/bin/sh
touch "$RUNNER_TEMP/executed-{name}"
"""
_MODULES: Final = (
    "argparse.py", "encodings.py", "json.py", "nexus.py", "pip/__init__.py", "pip/__main__.py",
    "predictor.py", "requests/__init__.py", "sitecustomize.py", "sklearn/__init__.py",
    "sqlite3.py", "usercustomize.py", "urllib3.py", "venv/__main__.py", "xdist/__init__.py",
)  # fmt: skip
"""What a start of Python in this folder could import in place of the module that it means."""
_ALWAYS_IMPORTED: Final = ("argparse.py", "encodings.py", "json.py", "sqlite3.py",
                           "xdist/__init__.py")  # fmt: skip
"""Of them those without which pytest does not start."""

QUIET: Final = {
    "conftest.py": _PYTHON.format(name="conftest"),
    **{
        path: _PYTHON.format(name=path.replace("/", "-"))
        for path in _MODULES
        if path not in _ALWAYS_IMPORTED
    },
    "owned.sh": _SHELL.format(name="owned"),
    "nexus": _SHELL.format(name="nexus"),
    "git": _SHELL.format(name="git"),
    "python": _SHELL.format(name="python"),
    "evil.pth": 'import os; open(os.path.join(os.environ["RUNNER_TEMP"], "executed-pth"), "w")\n',
    "setup.cfg": "[install]\nprefix = /nonexistent\n[global]\nindex-url = http://127.0.0.1:9/\n",
    "pip.conf": "[global]\nindex-url = http://127.0.0.1:9/\n",
    "pyproject.toml": (
        '[build-system]\nrequires = []\nbuild-backend = "sitecustomize"\nbackend-path = ["."]\n'
    ),
    ".gitattributes": "* filter=trap diff=trap\n",
    ".gitconfig": '[core]\n\tfsmonitor = "touch $RUNNER_TEMP/executed-gitconfig"\n',
}
"""Traps with which the jobs of the suite still end as they should."""

NEXUS: Final = QUIET | {
    path: _PYTHON.format(name=path.replace("/", "-"))
    for path in ("pytest_nexus/__init__.py", "pytest_nexus/cli/main.py")
}
"""Traps in the place of nexus: the jobs of the suite break."""

STANDARD: Final = QUIET | {
    path: _PYTHON.format(name=path.replace("/", "-")) for path in _ALWAYS_IMPORTED
}
"""Traps in the place of what every program imports: the jobs of the suite break."""


def sprung(github: GitHub, run: WorkflowRun) -> dict[str, list[str]]:
    """Return by job which traps something executed there."""
    found: dict[str, list[str]] = {}
    for home in sorted(github.base.glob(f"run-{run.run_id}-{run.attempt}-*")):
        job = home.name.split("-")[3]
        marks = (home / "temp").glob(f"{_MARK}*")
        found.setdefault(job, []).extend(sorted(mark.name.removeprefix(_MARK) for mark in marks))
    return found
