"""Check whether what the CI's runs teach is kept, and whether git knows the change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_nexus.checkup.findings import Finding, as_finding
from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.impact.changes import find_change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CI_FILES: Final = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".buildkite/pipeline.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
)
_OURS: Final = re.compile(r"pytest-nexus|\.nexus\b|\bnexus (?:run|plan|history|report)|NEXUS_")
_MAX_BYTES: Final = 1024 * 1024
_MANY_RUNS: Final = 10

_WITHOUT_BASE: Final = re.compile(r"NX41[1245]")
"""Codes about a base commit that is not there."""

_HARMLESS: Final = re.compile(r"NX41[01]")
"""Codes about a repository with one commit or none; the next commit mends it."""


def ci_findings(
    root: Path, history: Path, environ: Mapping[str, str], n_runs: int, n_ci_runs: int
) -> Iterator[Finding]:
    """Yield why what the CI's runs teach is lost.

    Args:
        root: of the tests.
        history: the file of the history.
        environ: of this process.
        n_runs: runs in the history.
        n_ci_runs: how many of them a CI made.
    """
    if ci_run(environ) is not None:
        if n_runs == 0:
            yield Finding(
                "NX599",
                f"this job of a CI begins without a history: {history!s} has no run",
                "restore the file from a cache or an artifact before the tests;"
                " see docs on sharing the history",
            )
        return
    files = _ci_files(root)
    if not files:
        return
    if not any(_OURS.search(_text(path)) for path in files):
        names = ", ".join(path.name for path in files[:3])
        yield Finding(
            "NX591",
            f"no file of the CI mentions nexus ({names}), so what runs of the CI teach is lost",
            "call `nexus init`, or keep the history as docs on sharing the history say",
        )
    elif n_runs >= _MANY_RUNS and n_ci_runs == 0:
        yield Finding(
            "NX591",
            "the history here has no run of the CI",
            "call `nexus history pull`",
            "hint",
        )


def base_findings(root: Path, base: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield why the change of this checkout is not known."""
    note = find_change(root, base, environ).note
    if not note or _HARMLESS.search(note):
        return
    if _WITHOUT_BASE.search(note):
        yield as_finding(note, "check out with the whole history: `fetch-depth: 0`, or"
                         " `git fetch --unshallow`")  # fmt: skip
    elif "NX401" in note:
        yield as_finding(note, "call nexus in a checkout, or begin a repository: `git init`")
    else:
        yield as_finding(note, "see the code in docs on messages; without a change, the order"
                         " depends on earlier failures alone")  # fmt: skip


def _ci_files(root: Path) -> list[Path]:
    """Return the CI's files of the repository around a folder."""
    top = next((one for one in (root, *root.parents) if (one / ".git").exists()), root)
    return [path for pattern in _CI_FILES for path in sorted(top.glob(pattern)) if path.is_file()]


def _text(path: Path) -> str:
    try:
        return read_text(path, _MAX_BYTES)
    except (OSError, ValueError):
        return ""
