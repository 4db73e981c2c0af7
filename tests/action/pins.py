"""The one table of foreign actions: each file of the repository that names one names this release.

A release is taken in when its action.yml declares `node24` or no Node at all, two sources agree on
its commit, and the notes of the majors in between are read. Dependabot proposes the next ones; its
change of a workflow fails the tests until it changes this table too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pin:
    """One release of an action."""

    name: str
    version: str
    commit: str
    notes: str
    """What its majors changed, as far as it concerns the workflows here."""

    @property
    def reference(self) -> str:
        """What stands behind `uses:`, without a folder of the action."""
        return f"{self.name}@{self.commit}"

    @property
    def line(self) -> str:
        return f"{self.reference} # {self.version}"


_ALL: Final = (
    Pin(
        "actions/checkout", "v7.0.0", "9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0",
        "v5: node24, runner 2.327.1. v6: credentials that are kept are in a file under RUNNER_TEMP;"
        " none are kept here. v7: refuses a fork's code under pull_request_target, workflow_run.",
    ),
    Pin(
        "actions/setup-python", "v6.3.0", "ece7cb06caefa5fff74198d8649806c4678c61a1",
        "v6: node24, runner 2.327.1.",
    ),
    Pin(
        "actions/cache", "v6.1.0", "55cc8345863c7cc4c66a329aec7e433d2d1c52a9",
        "v5: node24, runner 2.327.1. v6: ES modules. v6.1: a token that may only read caches costs"
        " a warning when a cache is saved.",
    ),
    Pin(
        "actions/upload-artifact", "v7.0.1", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
        "v6: node24, runner 2.327.1. v7: `archive: false` uploads one file as it is, under its own"
        " name; not used here.",
    ),
    Pin(
        "actions/download-artifact", "v8.0.1", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        "v5: a pattern that fits one artifact unpacks it into the folder itself. v7: node24, runner"
        " 2.327.1. v8: a digest that differs fails the step.",
    ),
    Pin(
        "actions/deploy-pages", "v5.0.0", "cd2ce8fcbc39b97be8ca5fce6e763baed58fa128",
        "v5: node24.",
    ),
    Pin(
        "actions/attest", "v4.2.2", "1e69f48acb82d1966a394da916b4c1698aa569d6",
        "v4: node24; makes provenance without a predicate of its own.",
    ),
    Pin(
        "pypa/gh-action-pypi-publish", "v1.14.2", "dc37677b2e1c63e2034f94d8a5b11f265b73ba33",
        "no Node: composite, runs a container on Linux. v1.11: attestations of PEP 740 by default."
        " v1.14: prints hashes by default.",
    ),
)  # fmt: skip
PINS: Final = {pin.name: pin for pin in _ALL}
