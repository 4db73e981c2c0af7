"""Check the settings of a session: names, values, and settings that cancel each other. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.checkup.findings import Finding, as_finding
from pytest_nexus.registration.misspelt_settings import unknown_keys, unknown_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_nexus.checkup.session_probe import Probed
    from pytest_nexus.launch.settings_plugin import SessionSettings

_SELECTIONS: Final = {
    "-k": "an expression of names",
    "-m": "an expression of markers",
    "--lf": "the tests that failed last",
    "--sw": "the first failure",
    "--deselect": "deselected tests",
    "-x": "the first failures",
    "--splits": "pytest-split",
    "--testmon": "pytest-testmon",
}


def settings_findings(
    probed: Probed, variables: Iterable[str], *, has_runs: bool
) -> Iterator[Finding]:
    """Yield what is wrong with the settings.

    Args:
        probed: what a session says.
        variables: names of the environment.
        has_runs: whether the history has a run.
    """
    for sentence in unknown_variables(variables):
        yield as_finding(sentence, "correct the name, or remove the variable")
    settings = probed.settings
    if settings is None:
        yield Finding(
            "NX585", f"pytest does not start here: {probed.ending}", "correct what pytest names"
        )
        return
    if not settings.has_nexus:
        yield Finding(
            "NX586",
            "pytest does not load nexus: `-p no:nexus` is among its options, or"
            " PYTEST_DISABLE_PLUGIN_AUTOLOAD is set",
            "remove `-p no:nexus`, or add `-p nexus`",
        )
        return
    for sentence in unknown_keys(settings.keys):
        yield as_finding(sentence, "correct the name in the ini file, or remove it")
    if settings.refused:
        yield as_finding(settings.refused, "give a value that is allowed; see docs on options")
        return
    if not settings.is_on and not has_runs:
        yield Finding(
            "NX587",
            "nexus is off, and no run was recorded yet",
            "call `nexus init`, or set `nexus = true` in the ini file",
        )
    yield from _plugins(settings)
    yield from _contradictions(settings)


def _plugins(settings: SessionSettings) -> Iterator[Finding]:
    """Yield the plugins and options that switch a part of nexus off."""
    if settings.shuffled_by:
        name = settings.shuffled_by
        yield Finding(
            "NX588",
            f"{name} orders the tests, so likely failures do not come first",
            f"set `nexus_order = risk` to let nexus order, or `-p no:{name}`",
        )
    if settings.repeated_by:
        yield Finding(
            "NX589",
            f"{settings.repeated_by} repeats failed tests, so nexus repeats none and knows less of"
            " flaky tests",
            "remove the options of that plugin; `nexus_reruns` decides instead",
        )
    for name in settings.limits:
        yield Finding(
            "NX590",
            f"every run is limited by {_SELECTIONS.get(name, 'an option')} ({name}), and"
            " limited runs teach less",
            f"take {name} out of addopts and PYTEST_ADDOPTS",
        )
    if settings.dist == "each":
        yield Finding(
            "NX592",
            "--dist=each runs every test on every worker, so no run is recorded",
            "use --dist=load, or no --dist",
        )


def _contradictions(settings: SessionSettings) -> Iterator[Finding]:
    values = settings.values
    selects = values.get("nexus_select", "off") != "off"
    if selects and values.get("nexus_dist") == "off" and settings.dist not in ("no", "each"):
        yield Finding(
            "NX592",
            "nexus_select has no effect with workers while nexus_dist is off",
            "remove `nexus_dist`, or set it to auto",
        )
    affected = "affected" in values.get("nexus_select", "")
    if affected and values.get("nexus_dependencies") == "False":
        yield Finding(
            "NX592",
            "nexus_select is affected, but sessions do not record what the tests use",
            "set `nexus_dependencies = true`, at least in one job of the default branch",
            "hint",
        )
