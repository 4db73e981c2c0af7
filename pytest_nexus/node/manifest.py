"""Describe what is deployed at one place: the manifest, its canonical bytes, and who gets what.

A manifest names files by the digest of their content, so a reader never mixes two deployments. Its
sequence number rises with every push, so an old manifest cannot come back unnoticed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.domain.validation import WRONG, integer, number, text
from pytest_nexus.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "manifest.json"
MAX_BYTES: Final = 64 * 1024
MAX_MODEL_BYTES: Final = 16 * 1024 * 1024

_FORMAT: Final = 1
_MAX_SEQUENCE: Final = 2**53
_MAX_NUMBER: Final = 1e15
_MOST_FACTS: Final = 40
_HEX: Final = frozenset("0123456789abcdef")
_SHARES: Final = 10_000
"""Into how many parts the runners are divided by the hash of their names."""


class Entry(NamedTuple):
    """One model at a place."""

    version: str
    sha256: str
    """Of the compressed file."""
    n_bytes: int
    facts: Mapping[str, float | str] = {}
    """Metrics, lineage and latency of the model, for people and reports."""

    @property
    def file(self) -> str:
        """The name of the file beside the manifest."""
        return f"model-{self.sha256}.json.gz"


class Manifest(NamedTuple):
    """What is deployed in one region."""

    region: str
    sequence: int
    """Rises by one with every push, also with a rollback."""
    model: Entry
    previous: Entry | None = None
    """What a rollback deploys."""
    canary: Entry | None = None
    """The model that a share of the runners gets; None outside of a canary."""
    canary_percent: float = 0.0
    pushed_at: float = 0.0
    """When the manifest was written, in seconds since the epoch, by the clock of the pusher."""
    schema: str = ""
    """Digest of the names of the features."""


def body_of(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest, which a signature covers."""
    fields = {"format": _FORMAT, **manifest._asdict()}
    for name in ("model", "previous", "canary"):
        entry = fields[name]
        fields[name] = None if entry is None else entry._asdict() | {"facts": dict(entry.facts)}
    return dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def document_of(manifest: Manifest, signatures: Mapping[str, str]) -> bytes:
    """Return a manifest as a file, with its signatures."""
    body = body_of(manifest).decode("ascii")
    signed = dumps(dict(signatures), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f'{{"manifest":{body},"signatures":{signed}}}\n'.encode("ascii")


def read_document(data: bytes) -> tuple[Manifest, dict[str, str]]:
    """Return the manifest in a file, and its signatures; nothing is verified.

    Raises:
        DeploymentError: the file is no manifest.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too large")
        found = loads(data.decode("ascii"))
        signatures = found["signatures"]
        if type(signatures) is not dict or len(signatures) > 4:
            raise ValueError("signatures")
        return _manifest(found["manifest"]), {
            text(name, 40): text(value, 200) for name, value in signatures.items()
        }
    except WRONG as exc:
        raise DeploymentError("NX930", "The manifest of the deployed model is damaged") from exc


def _manifest(found: Any) -> Manifest:
    if found["format"] != _FORMAT:
        raise ValueError("another format")
    model = _entry(found["model"])
    if model is None:
        raise ValueError("no model")
    percent = number(found["canary_percent"], 100.0)
    if not 0.0 <= percent <= 100.0:
        raise ValueError("canary_percent")
    return Manifest(
        text(found["region"], 100),
        integer(found["sequence"], 1, _MAX_SEQUENCE),
        model,
        _entry(found["previous"]),
        _entry(found["canary"]),
        percent,
        number(found["pushed_at"], _MAX_NUMBER),
        text(found["schema"], 64),
    )


def _fact(value: object) -> float | str:
    return text(value, 200) if isinstance(value, str) else number(value, _MAX_NUMBER)


def _entry(found: Any) -> Entry | None:
    if found is None:
        return None
    digest = text(found["sha256"], 64)
    if len(digest) != 64 or not _HEX.issuperset(digest):
        raise ValueError("sha256")
    facts = found["facts"]
    if type(facts) is not dict or len(facts) > _MOST_FACTS:
        raise ValueError("facts")
    return Entry(
        text(found["version"], 64),
        digest,
        integer(found["n_bytes"], 1, MAX_MODEL_BYTES),
        {text(name, 60): _fact(value) for name, value in facts.items()},
    )


def entry_for(manifest: Manifest, runner: str) -> Entry:
    """Return the model for a runner: the canary for a fixed share of the names.

    A larger share keeps the runners of a smaller one. Each canary version draws other runners.
    """
    canary = manifest.canary
    if canary is None:
        return manifest.model
    drawn = sha256(f"{canary.version}\0{runner}".encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(drawn[:8], "big") % _SHARES
    return canary if place < manifest.canary_percent * _SHARES / 100.0 else manifest.model
