"""Decide which deployed model a session uses: ask the place, verify, else use the last good one."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import DeploymentError, with_code
from pytest_nexus.node.kept_model import (
    Kept,
    is_whole,
    keep,
    keep_model,
    read_kept,
    read_model,
    unpacked,
)
from pytest_nexus.node.locations import Location, locations_of, read_bytes
from pytest_nexus.node.manifest import (
    MAX_BYTES,
    MAX_MODEL_BYTES,
    NAME,
    Entry,
    Manifest,
    body_of,
    entry_for,
    read_document,
)
from pytest_nexus.node.signature import Keys, keys_from, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MAX_AGE_S: Final = 3600.0
"""A place is asked again after this time."""

REGION_VARIABLE: Final = "NEXUS_REGION"
_REGION_VARIABLES: Final = (
    REGION_VARIABLE, "AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_CLOUD_REGION", "REGION_NAME"
)  # fmt: skip
_RUNNER_VARIABLES: Final = ("RUNNER_NAME", "CI_RUNNER_ID", "HOSTNAME", "COMPUTERNAME")


class Found(NamedTuple):
    """The model for a session."""

    version: str
    document: str
    place: str
    """Where it came from, for messages."""
    region: str
    """Of the manifest that names it."""
    got: str
    """`fresh`, `cached`, or `last good`."""


class Node(NamedTuple):
    """Who asks, and what is known here."""

    folder: Path
    """Where models are kept, one folder for each place."""
    environ: Mapping[str, str]
    schema: str
    """Digest of the names of the features of this version."""
    notify: Callable[[str], None]
    """Takes a sentence for the user."""


def current_model(setting: str, node: Node) -> Found | None:
    """Return the deployed model; None if there is no good one, which costs one line.

    Args:
        setting: a place, or `region=place` with commas between.
        node: who asks.
    """
    try:
        keys = keys_from(node.environ)
    except DeploymentError as exc:
        node.notify(str(exc))
        return None
    problem: DeploymentError | None = None
    for location in nearest(locations_of(setting), node):
        try:
            return _of_place(location, keys, node)
        except DeploymentError as exc:
            problem = problem or exc
    if problem is not None:
        node.notify(str(problem))
    return None


def nearest(locations: Sequence[Location], node: Node) -> list[Location]:
    """Return the places in the order to try: this region's first, then by the last latency."""
    here = next(filter(None, map(node.environ.get, _REGION_VARIABLES)), "")

    def rank(location: Location) -> tuple[bool, float]:
        kept = read_kept(_folder(location, node))
        known = kept.latency_ms if kept is not None and kept.latency_ms > 0.0 else float("inf")
        return location.region != here or not here, known

    return sorted(locations, key=rank)


def _of_place(location: Location, keys: Keys, node: Node) -> Found:
    folder = _folder(location, node)
    kept = read_kept(folder)
    now = clock.time()
    if kept is not None and 0.0 <= now - kept.asked_at < MAX_AGE_S:
        data = read_model(folder, kept.entry)
        if data is not None:
            return _found(kept, data, location, "cached")
    try:
        return _asked(location, keys, node, kept, now)
    except DeploymentError as exc:
        data = None if kept is None else read_model(folder, kept.entry)
        if kept is None or data is None:
            raise
        keep(folder, kept._replace(asked_at=now))  # a place that is away is not asked every time
        node.notify(
            with_code("NX953", f"{exc}; the last good model {kept.entry.version[:8]} is used")
        )
        return _found(kept, data, location, "last good")


def _found(kept: Kept, data: bytes, location: Location, got: str) -> Found:
    region = kept.region or location.region
    return Found(kept.entry.version, unpacked(data), location.place, region, got)


def _asked(location: Location, keys: Keys, node: Node, kept: Kept | None, now: float) -> Found:
    folder = _folder(location, node)
    if location.is_address and not keys.can_check:
        raise DeploymentError(
            "NX936", "A model from an address needs NEXUS_MODEL_KEY or NEXUS_PUBLIC_KEY to check it"
        )
    started = clock.perf_counter()
    manifest, signatures = read_document(read_bytes(location, NAME, MAX_BYTES))
    latency_ms = (clock.perf_counter() - started) * 1000.0
    _accept(manifest, signatures, location, keys, node, kept)
    entry = entry_for(manifest, runner_of(node.environ))
    data = read_model(folder, entry) or _fetched(location, entry)
    made = Kept(manifest.sequence, entry, now, max(latency_ms, 0.001), manifest.region)
    found = _found(made, data, location, "fresh")
    keep_model(folder, entry, data)
    keep(folder, made)
    return found


def _accept(
    manifest: Manifest,
    signatures: Mapping[str, str],
    location: Location,
    keys: Keys,
    node: Node,
    kept: Kept | None,
) -> None:
    verify(body_of(manifest), signatures, keys)
    if location.region and manifest.region != location.region:
        raise DeploymentError(
            "NX937",
            f"The manifest is of the region {manifest.region!r:.50}, not {location.region!r:.50}",
        )
    if kept is not None and manifest.sequence < kept.sequence:
        raise DeploymentError(
            "NX938", "The manifest is older than the one that was accepted here; it is not used"
        )
    if manifest.schema != node.schema:
        raise DeploymentError(
            "NX939", "The deployed model is for another version of nexus: its features differ"
        )


def _fetched(location: Location, entry: Entry) -> bytes:
    data = read_bytes(location, entry.file, MAX_MODEL_BYTES)
    if not is_whole(data, entry):
        raise DeploymentError(
            "NX930", "The file of the deployed model is not the one that the manifest names"
        )
    return data


def runner_of(environ: Mapping[str, str]) -> str:
    """Return the name of this runner, by which canaries are drawn; empty if none is known."""
    return next(filter(None, map(environ.get, _RUNNER_VARIABLES)), "")


def _folder(location: Location, node: Node) -> Path:
    return node.folder / sha256(location.place.encode("utf-8", "surrogatepass")).hexdigest()[:16]
