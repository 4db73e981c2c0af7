"""Read where models are deployed to: the table `deploy.targets` of nexus.toml."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE_NAME: Final = "nexus.toml"
_MAX_BYTES: Final = 256 * 1024
_EXAMPLE: Final = '[deploy.targets] with lines such as us-east = "/srv/models"'


def read_targets(root: Path) -> dict[str, str]:
    """Return the address of each region.

    Raises:
        DeploymentError: the file is missing or damaged, or names no target.
    """
    path = root / FILE_NAME
    try:
        found = tomllib.loads(read_text(path, _MAX_BYTES))["deploy"]["targets"]
    except FileNotFoundError as exc:
        raise DeploymentError(
            "NX940", f"There is no {FILE_NAME} in {str(root)!r}; write one with {_EXAMPLE}"
        ) from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DeploymentError(
            "NX940", f"{str(path)!r} names no target ({exc!s:.100}); it needs {_EXAMPLE}"
        ) from exc
    if not isinstance(found, dict) or not found or not all(map(_is_address, found.values())):
        raise DeploymentError("NX940", f"{str(path)!r} names no target; it needs {_EXAMPLE}")
    return {
        str(region): address if "://" in address else str((root / address).resolve())
        for region, address in found.items()
    }


def _is_address(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def chosen(targets: Mapping[str, str], regions: Sequence[str] | None) -> dict[str, str]:
    """Return the targets of some regions; patterns such as `eu-*` are allowed, None means all.

    Raises:
        DeploymentError: no target belongs to one of the regions.
    """
    if regions is None:
        return dict(targets)
    found: dict[str, str] = {}
    for wanted in regions:
        matches = {name: each for name, each in targets.items() if fnmatchcase(name, wanted)}
        if not matches:
            raise DeploymentError(
                "NX946", f"No target has the region {wanted!r}; known are {', '.join(targets)}"
            )
        found |= matches
    return found
