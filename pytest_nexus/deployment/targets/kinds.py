"""Find the target with an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_nexus.deployment.targets.folder import FolderTarget
from pytest_nexus.deployment.targets.http_put import HttpTarget
from pytest_nexus.deployment.targets.release_assets import ReleaseTarget
from pytest_nexus.domain.system import entry_points
from pytest_nexus.domain.system.console import warn
from pytest_nexus.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.deployment.targets.target import Target

GROUP: Final = "pytest_nexus.deploy_targets"
"""Entry points by scheme: each is called with the address and returns a `Target`."""


def target_of(address: str) -> Target:
    """Return the target with an address.

    Raises:
        DeploymentError: there is no such kind of target.
    """
    scheme = urlsplit(address).scheme.lower()
    if scheme in ("http", "https"):
        return HttpTarget(address)
    if scheme == "github":
        return ReleaseTarget(address)
    if scheme == "s3":
        from pytest_nexus.deployment.targets.s3_bucket import BucketTarget  # noqa: PLC0415 - an extra

        return BucketTarget(address)
    if not scheme or len(scheme) == 1:  # a drive of Windows
        return FolderTarget(address)
    factory: Callable[[str], Target] | None = entry_points.load(GROUP, warn, scheme).get(scheme)
    if factory is None:
        known = ", ".join(["a folder", "http", "https", "s3", "github", *entry_points.names(GROUP)])
        raise DeploymentError(
            "NX941", f"There is no target of the kind {scheme!r}; known are {known}"
        )
    return factory(address)
