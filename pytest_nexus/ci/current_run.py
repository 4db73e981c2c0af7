"""Identify the CI run that an environment names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.providers import providers
from pytest_nexus.domain.records import CIRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.ci.providers import Provider

_MAX_CHARS: Final = 200
"""Longer values are cut; names of jobs and workflows are shorter."""
_MAX_DIGITS: Final = 18
"""A number with more digits does not fit SQLite's integers, and is not a run number."""


def ci_run(environ: Mapping[str, str]) -> CIRun | None:
    """Return the CI run that an environment names; None outside the known CIs.

    Values are cut at 200 characters; an invalid number is left out. A run without an id cannot be
    distinguished from other runs, so the result is None.

    >>> run = ci_run({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_NUMBER": "x"})
    >>> run.provider, run.run_id, run.run_number
    ('github', '7', None)
    """
    for provider in providers(environ):
        run_id = _text(environ, provider.run_id)
        if environ.get(provider.sign) and run_id:
            return _run_of(provider, run_id, environ)
    return None


def _run_of(provider: Provider, run_id: str, environ: Mapping[str, str]) -> CIRun:
    attempt = _number(environ, provider.run_attempt)
    return CIRun(
        provider=provider.name,
        run_id=run_id,
        run_number=_number(environ, provider.run_number),
        run_attempt=1 if attempt is None else max(1, attempt + 1 - provider.first_attempt),
        workflow=_text(environ, provider.workflow),
        job=_text(environ, provider.job),
        event=_text(environ, provider.event),
    )


def _text(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "")[:_MAX_CHARS]
    return value.encode("utf-8", "replace").decode("utf-8").strip()


def _number(environ: Mapping[str, str], variable: str) -> int | None:
    value = environ.get(variable, "").strip()
    is_number = value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS
    return int(value) if is_number else None
