"""Change and read what is live at one place: one manifest, replaced as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import DeploymentError
from pytest_nexus.node.kept_model import is_whole, unpacked
from pytest_nexus.node.manifest import (
    MAX_BYTES,
    MAX_MODEL_BYTES,
    NAME,
    Entry,
    Manifest,
    body_of,
    document_of,
    read_document,
)
from pytest_nexus.node.signature import Keys, sign, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.deployment.targets.target import Target

_MOST_SHOWN: Final = 50


class Live(NamedTuple):
    """What was read at a place."""

    manifest: Manifest | None
    """None if nothing was pushed there yet."""
    data: bytes | None
    """The file as it was read."""


class Place:
    """One region's target.

    Args:
        region: its name.
        target: where its files are.
        keys: sign what is written, and check what is read.
    """

    def __init__(self, region: str, target: Target, keys: Keys) -> None:
        self.region = region
        self.target = target
        self._keys = keys

    def read(self) -> Live:
        """Return what is live.

        Raises:
            DeploymentError: the place cannot be read, or its manifest is damaged or forged.
        """
        data = self.target.read(NAME, MAX_BYTES)
        if data is None:
            return Live(None, None)
        manifest, signatures = read_document(data)
        verify(body_of(manifest), signatures, self._keys)
        return Live(manifest, data)

    def change(self, make: Callable[[Manifest | None], Manifest]) -> Manifest:
        """Replace the manifest, and keep a numbered copy.

        Args:
            make: returns the new manifest from the live one; the sequence number and the moment
                are set here.

        Raises:
            DeploymentError: another push was quicker, or the place cannot be written to.
        """
        live = self.read()
        last = 0 if live.manifest is None else live.manifest.sequence
        made = make(live.manifest)._replace(
            region=self.region, sequence=last + 1, pushed_at=clock.time()
        )
        body = document_of(made, sign(body_of(made), self._keys))
        self.target.replace(NAME, body, live.data)
        self.target.write(_copy(made.sequence), body)
        return made

    def put_model(self, entry: Entry, data: bytes) -> None:
        """Write the file of a model, unless it is there."""
        if not self.has(entry):
            self.target.write(entry.file, data)

    def has(self, entry: Entry) -> bool:
        """Return whether the file of a model is there as a whole."""
        data = self.target.read(entry.file, MAX_MODEL_BYTES)
        return data is not None and is_whole(data, entry)

    def check(self, manifest: Manifest) -> None:
        """Check that every model of a manifest is there and readable.

        Raises:
            DeploymentError: one is not.
        """
        for entry in filter(None, (manifest.model, manifest.canary)):
            data = self.target.read(entry.file, MAX_MODEL_BYTES)
            if data is None or not is_whole(data, entry):
                raise DeploymentError(
                    "NX947",
                    f"The file of model {entry.version[:8]} at {self.target.place!r} is missing or"
                    " damaged; push it again",
                )
            unpacked(data)

    def history(self) -> list[Manifest]:
        """Return the manifests of this place, newest first, at most 50."""
        live = self.read().manifest
        found = [] if live is None else [live]
        while found and found[-1].sequence > 1 and len(found) < _MOST_SHOWN:
            data = self.target.read(_copy(found[-1].sequence - 1), MAX_BYTES)
            if data is None:
                break
            manifest, signatures = read_document(data)
            verify(body_of(manifest), signatures, self._keys)
            found.append(manifest)
        return found


def _copy(sequence: int) -> str:
    return f"manifest-{sequence}.json"


def rolled_back(manifest: Manifest | None) -> Manifest:
    """Return the manifest after a rollback: a canary ends, else the model before comes back.

    Raises:
        DeploymentError: there is nothing to go back to.
    """
    if manifest is None:
        raise DeploymentError("NX948", "Nothing is deployed there yet; push a model first")
    if manifest.canary is not None:
        return manifest._replace(canary=None, canary_percent=0.0)
    if manifest.previous is None:
        raise DeploymentError(
            "NX948", "No model was deployed there before this one; push another model"
        )
    return manifest._replace(model=manifest.previous, previous=manifest.model)


def promoted(manifest: Manifest | None) -> Manifest:
    """Return the manifest after all runners get the canary.

    Raises:
        DeploymentError: there is no canary.
    """
    if manifest is None or manifest.canary is None:
        raise DeploymentError("NX949", "No canary is deployed there; push one with --canary")
    return manifest._replace(
        model=manifest.canary, previous=manifest.model, canary=None, canary_percent=0.0
    )
