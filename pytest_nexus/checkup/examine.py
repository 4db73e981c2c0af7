"""Collect all findings about a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.checkup.ci_checks import base_findings, ci_findings
from pytest_nexus.checkup.session_probe import probe_session
from pytest_nexus.checkup.settings_checks import settings_findings
from pytest_nexus.checkup.storage_checks import examine_history, quarantine_findings
from pytest_nexus.checkup.version_checks import missing_extra, version_findings
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import OptionError
from pytest_nexus.project import (
    base_revision,
    history_path,
    journal_folder,
    project_root,
    quarantine_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.checkup.findings import Finding


def examine(given: str | None, arguments: Sequence[str]) -> list[Finding]:
    """Return all findings about the project of the current folder, problems first.

    Args:
        given: the history that the command line names; None for the project's history.
        arguments: of the sessions, for pytest.
    """
    try:
        found = list(_examined(given, arguments))
    except OptionError:  # the session names the wrong value in its own words
        found = list(settings_findings(probe_session(arguments), originals.environ, has_runs=True))
        if not found:
            raise
    return sorted(dict.fromkeys(found), key=lambda one: one.level == "hint")


def _examined(given: str | None, arguments: Sequence[str]) -> Iterator[Finding]:
    root, environ = project_root(Path.cwd()), originals.environ
    history = history_path(given)
    stored = examine_history(history, journal_folder())
    probed = probe_session(arguments)
    values = probed.settings.values if probed.settings is not None else {}
    yield from settings_findings(probed, environ, has_runs=stored.n_runs > 0)
    yield from version_findings(values)
    if stored.is_training_due:
        yield from missing_extra("train", "a training is due, and `nexus train`")
    if values.get("nexus_otlp") == "True":
        yield from missing_extra("otel", "nexus_otlp is on, and the export of traces")
    yield from base_findings(root, base_revision(None), environ)
    yield from ci_findings(root, history, environ, stored.n_runs, stored.n_ci_runs)
    yield from stored.findings
    yield from quarantine_findings(quarantine_path(None))
