"""The same promises for each kind of target: no half push, no forgery, no way back unnoticed."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.deployment.place import Place, promoted, rolled_back
from pytest_nexus.deployment.targets.kinds import target_of
from pytest_nexus.errors import DeploymentError
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.node.kept_model import packed
from pytest_nexus.node.manifest import MAX_BYTES, NAME, Entry, Manifest
from pytest_nexus.node.signature import Keys
from tests.support.dav_server import DavServer
from tests.support.release_server import ReleaseServer
from tests.support.s3_server import BUCKET, S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = Keys(shared="a shared secret of the team")
MODELS = [packed(prior() + " " * n) for n in range(3)]


def entry(n: int) -> Entry:
    data = MODELS[n]
    return Entry(f"{n}" * 16, sha256(data).hexdigest(), len(data))


@pytest.fixture(params=["folder", "http", "s3", "github"])
def address(request, tmp_path, monkeypatch) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "place")
    elif request.param == "http":
        with DavServer() as server:
            yield server.url
    elif request.param == "github":
        with ReleaseServer() as server:
            for name, value in server.environ.items():
                monkeypatch.setenv(name, value)
            yield "github://octo/repo/models"
    else:
        pytest.importorskip("obstore")
        with S3Server() as server:
            for name, value in server.environ.items():
                monkeypatch.setenv(name, value)
            yield f"s3://{BUCKET}/eu"


class Dying:
    """A target whose process is killed before or after its n-th write."""

    def __init__(self, address: str, at: int, *, is_after: bool) -> None:
        self.target, self.left, self.is_after = target_of(address), at, is_after
        self.place, self.read = self.target.place, self.target.read

    def write(self, *given: object) -> None:
        self.do(self.target.write, *given)

    def replace(self, *given: object) -> None:
        self.do(self.target.replace, *given)

    def do(self, method, *given) -> None:
        self.left -= 1
        if self.left == 0 and not self.is_after:
            raise KeyboardInterrupt
        method(*given)
        if self.left == 0:
            raise KeyboardInterrupt


def place(address: str, keys: Keys = KEYS) -> Place:
    return Place("eu", target_of(address), keys)


def push(where: Place, n: int) -> Manifest:
    def make(live: Manifest | None) -> Manifest:
        return Manifest("eu", 1, entry(n), None if live is None else live.model)

    where.put_model(entry(n), MODELS[n])
    return where.change(make)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_push_that_is_killed_leaves_a_whole_model(address, at, is_after):
    push(place(address), 0)
    with pytest.raises(KeyboardInterrupt):
        push(Place("eu", Dying(address, at, is_after=is_after), KEYS), 1)
    live = place(address).read().manifest
    assert live is not None
    assert live.model in (entry(0), entry(1))
    place(address).check(live)
    push(place(address), 2)
    assert place(address).read().manifest.model == entry(2)


def test_a_forged_manifest_and_a_wrong_key_stop_every_command(address):
    push(place(address), 0)
    with pytest.raises(DeploymentError, match="NX932"):
        place(address, Keys(shared="another secret of the team")).read()
    data = target_of(address).read(NAME, MAX_BYTES)
    target_of(address).write(NAME, data.replace(b'"sequence":1', b'"sequence":9'))
    for change in (rolled_back, promoted):
        with pytest.raises(DeploymentError, match="NX932"):
            place(address).change(change)
    with pytest.raises(DeploymentError, match="NX932"):
        push(place(address), 1)


def test_an_old_manifest_that_is_put_back_is_seen_by_a_push(address):
    push(place(address), 0)
    old = target_of(address).read(NAME, MAX_BYTES)
    push(place(address), 1)
    slow = place(address)
    live = slow.read()
    target_of(address).write(NAME, old)
    with pytest.raises(DeploymentError, match="NX943"):
        slow.target.replace(NAME, b"{}", live.data)


def test_of_two_pushers_one_wins_and_the_other_is_told(address):
    push(place(address), 0)
    first, second = place(address), place(address)

    def make(live: Manifest | None) -> Manifest:
        push(first, 1)
        return Manifest("eu", 1, entry(2))

    with pytest.raises(DeploymentError, match="NX943"):
        second.change(make)
    assert place(address).read().manifest.model == entry(1)


def test_a_damaged_model_is_named_and_a_push_mends_it(address):
    push(place(address), 0)
    target_of(address).write(entry(0).file, b"half")
    with pytest.raises(DeploymentError, match="NX947"):
        place(address).check(place(address).read().manifest)
    place(address).put_model(entry(0), MODELS[0])
    place(address).check(place(address).read().manifest)


def test_a_rollback_and_the_history_go_over_every_target(address):
    where = place(address)
    push(where, 0)
    push(where, 1)
    where.change(rolled_back)
    assert [each.model for each in where.history()] == [entry(0), entry(1), entry(0)]
