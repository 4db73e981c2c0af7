"""Report misspelt settings that nothing reads: variables, ini options and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import with_code
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.options import flags

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX: Final = "NEXUS_"
_OF_DEPLOYMENTS: Final = frozenset(
    f"{_PREFIX}{name}"
    for name in ("MODEL_KEY", "SIGNING_KEY", "PUBLIC_KEY", "REGION", "DEPLOY_TOKEN")
)
_OURS: Final = frozenset(
    {"NEXUS_DEBUG", "NEXUS_HUNT", "NEXUS_LISTING", "NEXUS_LISTING_TIES", "NEXUS_SETTINGS"}
    | _OF_DEPLOYMENTS
    | {option.variable for option in OPTIONS}
)
_OF_OTHERS: Final = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "URL", "HOST", "PORT", "USER", "USERNAME", "PASS", "PASSWORD", "TOKEN", "HOME", "DATA",
        "CONTEXT", "REPO", "REPOSITORY", "REPOSITORY_URL", "REGISTRY", "DOCKER_REGISTRY",
        "CREDENTIALS", "CREDENTIALS_USR", "CREDENTIALS_PSW", "AUTH", "PROXY", "VERSION",
    )
)  # fmt: skip
"""Variables that Sonatype's Nexus Repository and its CI jobs set."""


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return a sentence for each environment variable that looks like ours but is unknown."""
    found = [name for name in names if name.startswith(_PREFIX)]
    unknown = sorted(name for name in found if name not in _OURS and name not in _OF_OTHERS)
    return [
        with_code("NX201", f"unknown environment variable {name}{advice(name, _OURS)}")
        for name in unknown
    ]


def unknown_keys(names: Iterable[str]) -> list[str]:
    """Return a sentence for each ini option that looks like ours but is unknown."""
    ours = frozenset(option.name for option in OPTIONS)
    unknown = sorted(name for name in names if name.startswith("nexus_") and name not in ours)
    return [
        with_code("NX202", f"unknown ini option {name}{advice(name, ours)}") for name in unknown
    ]


def unknown_option(words: Iterable[str]) -> str:
    """Return a sentence about the first word that looks like our option; empty if there is none."""
    ours = flags()
    for word in words:
        name = word.partition("=")[0]
        if name.startswith(("--nexus", "--no-nexus")) and name not in ours:
            meant = advice(name, ours)
            if meant:
                return with_code("NX203", f"unknown option {name}{meant}")
    return ""


def advice(name: str, names: Iterable[str]) -> str:
    """Return the probably intended name, as the end of a sentence.

    >>> advice("NEXUS_SHRAD", ["NEXUS_SHARD", "NEXUS_PLAN"])
    '; did you mean NEXUS_SHARD?'
    """
    from difflib import get_close_matches  # noqa: PLC0415 - where a name is unknown

    found = get_close_matches(name, sorted(names), 1, 0.75)
    return f"; did you mean {found[0]}?" if found else ""
