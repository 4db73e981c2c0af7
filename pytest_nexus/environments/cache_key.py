"""The key of a cached environment: it changes with what the tests use, and with nothing else."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.system.regular_files import read_bytes
from pytest_nexus.environments.lock_files import closure_of_pins
from pytest_nexus.errors import CacheError
from pytest_nexus.project import path_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_nexus.environments.lock_files import Pin
    from pytest_nexus.impact.distributions import Distributions

FORMAT: Final = 1
ALWAYS: Final = ("pytest", "pytest-nexus-ci")
"""Every session needs these, whatever its tests use."""
_MAX_BYTES: Final = 1024 * 1024 * 1024

Basis = Literal["used", "everything"]


class CacheKey(NamedTuple):
    """A key, and what it is made of."""

    key: str
    basis: Basis
    """`everything`: no test has told what it uses."""
    contents: tuple[tuple[str, str], ...]
    """Names of distributions, each with a text that identifies its content."""
    missing: tuple[str, ...]
    """Used distributions that the lock files do not pin."""


def key_of_installed(
    used: Iterable[str], environment: Distributions, extra: Sequence[tuple[str, str]]
) -> CacheKey:
    """Return the key by the distributions that are installed."""
    needed = environment.closure_of([*used, *ALWAYS] if used else ())
    names = needed or frozenset(each.name for each in environment.installed())
    contents = tuple(
        (name, f"{environment.version_of(name)} {environment.digest_of(name)}")
        for name in sorted(names)
    )
    return _key("used" if needed else "everything", contents, extra, ())


def key_of_locks(
    used: frozenset[str], pins: Sequence[Pin], extra: Sequence[tuple[str, str]]
) -> CacheKey:
    """Return the key by the pins of lock files, before anything is installed."""
    names = closure_of_pins(pins, {*used, *ALWAYS}) if used else None
    kept = [pin for pin in pins if names is None or pin.name in names]
    missing = used - {pin.name for pin in pins}
    contents = (*((pin.name, pin.content) for pin in kept), *((name, "") for name in missing))
    basis: Basis = "everything" if names is None else "used"
    return _key(basis, tuple(sorted(contents)), extra, tuple(sorted(missing)))


def _key(
    basis: Basis,
    contents: tuple[tuple[str, str], ...],
    extra: Sequence[tuple[str, str]],
    missing: tuple[str, ...],
) -> CacheKey:
    parts = json.dumps([FORMAT, basis, python_facts(), contents, sorted(extra)])
    digest = sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    tag = sys.implementation.cache_tag or sys.implementation.name
    return CacheKey(f"{tag}-{sysconfig.get_platform()}-{digest}", basis, contents, missing)


def python_facts() -> list[str]:
    """Return what an environment depends on beside its distributions."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    return [
        sys.version,
        sysconfig.get_platform(),
        sys.base_prefix,
        system.get("ID", ""),
        system.get("VERSION_ID", ""),
    ]


def digests_of_files(root: Path, paths: Iterable[Path]) -> list[tuple[str, str]]:
    """Return the names of files with digests of their content.

    Raises:
        CacheError: a file cannot be read.
    """
    found = []
    for path in paths:
        try:
            content = read_bytes(path, _MAX_BYTES)
        except OSError as error:
            raise CacheError("NX171", f"Couldn't read the file {str(path)!r}: {error}") from error
        found.append((path_from(root, path.absolute()), sha256(content).hexdigest()))
    return found
