"""Keep the last good model of a place on this machine, so that a session works offline."""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.files import atomic_write, replacing
from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.domain.system.regular_files import open_regular, read_text
from pytest_nexus.domain.validation import WRONG, integer, number, text
from pytest_nexus.errors import DeploymentError
from pytest_nexus.node.manifest import MAX_MODEL_BYTES, Entry

if TYPE_CHECKING:
    from pathlib import Path

_STATE: Final = "state.json"
_MAX_STATE_BYTES: Final = 64 * 1024
_KEPT_FILES: Final = 4


class Kept(NamedTuple):
    """What was accepted last at a place."""

    sequence: int
    entry: Entry
    """The model that this runner was given."""
    asked_at: float
    """When the place was asked last, whatever it answered."""
    latency_ms: float = 0.0
    """How long the manifest took."""
    region: str = ""
    """Of the manifest."""


def read_kept(folder: Path) -> Kept | None:
    """Return what was kept; None if nothing was, or if the file is damaged."""
    try:
        found = loads(read_text(folder / _STATE, _MAX_STATE_BYTES))
        entry = found["entry"]
        return Kept(
            integer(found["sequence"], 1),
            Entry(text(entry["version"], 64), text(entry["sha256"], 64), integer(entry["n_bytes"])),
            number(found["asked_at"], 1e15),
            number(found["latency_ms"], 1e9),
            text(found.get("region", ""), 100),
        )
    except (OSError, *WRONG):
        return None


def keep(folder: Path, kept: Kept) -> None:
    """Write what was accepted; a full disk is no reason to fail."""
    fields = kept._asdict() | {"entry": kept.entry._replace(facts={})._asdict()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / _STATE, dumps(fields))
    except OSError:
        return


def read_model(folder: Path, entry: Entry) -> bytes | None:
    """Return the compressed file of a model; None if it is missing or damaged."""
    try:
        with open_regular(folder / entry.file) as file:
            data = file.read(entry.n_bytes + 1)
    except OSError:
        return None
    return data if is_whole(data, entry) else None


def keep_model(folder: Path, entry: Entry, data: bytes) -> None:
    """Write the compressed file of a model, and forget the oldest ones."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / entry.file) as unfinished:
            unfinished.write_bytes(data)
        files = sorted(folder.glob("model-*.json.gz"), key=lambda path: path.stat().st_mtime)
        for path in files[:-_KEPT_FILES]:
            path.unlink(missing_ok=True)
    except OSError:
        return


def is_whole(data: bytes, entry: Entry) -> bool:
    """Return whether a file is the one that the manifest names."""
    return len(data) == entry.n_bytes and sha256(data).hexdigest() == entry.sha256


def unpacked(data: bytes) -> str:
    """Return the document in a compressed file.

    Raises:
        DeploymentError: the file is damaged, or larger than a model can be.
    """
    try:
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        found = inflate.decompress(data, MAX_MODEL_BYTES)
        if not inflate.eof:
            raise ValueError("too large or cut")
        return found.decode("utf-8")
    except (zlib.error, *WRONG) as exc:
        raise DeploymentError("NX930", "The file of the deployed model is damaged") from exc


def packed(document: str) -> bytes:
    """Return a document compressed; equal documents give equal bytes."""
    return gzip.compress(document.encode("utf-8"), mtime=0)
