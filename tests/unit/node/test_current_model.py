"""What a session gets from a place: the right model, the last good one, or none and one line."""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path

import pytest

from pytest_nexus.domain.system import clock
from pytest_nexus.node import locations
from pytest_nexus.node.current_model import MAX_AGE_S, Node, current_model
from pytest_nexus.node.kept_model import packed
from pytest_nexus.node.locations import FETCH
from pytest_nexus.node.manifest import NAME, Entry, Manifest, body_of, document_of
from pytest_nexus.node.signature import Keys, sign
from tests.support.dav_server import DavServer

KEY = "a shared secret of the team"
SCHEMA = "5" * 16


def put(folder: Path, text: str, sequence: int = 1, key: str = KEY, **fields: object) -> Entry:
    """Deploy a document in a folder, as a push leaves it."""
    data = packed(text)
    entry = Entry(text, sha256(data).hexdigest(), len(data))
    manifest = Manifest("eu", sequence, entry, schema=SCHEMA)._replace(**fields)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / entry.file).write_bytes(data)
    signatures = sign(body_of(manifest), Keys(shared=key))
    (folder / NAME).write_bytes(document_of(manifest, signatures))
    return entry


class Here:
    """A node with a clock of its own."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = tmp_path / "place"
        self.said: list[str] = []
        self.now = 1e9
        self.environ = {"NEXUS_MODEL_KEY": KEY, "RUNNER_NAME": "one"}
        self.folder = tmp_path / "kept"
        monkeypatch.setattr(clock, "time", lambda: self.now)

    def ask(self, setting: str | Path | None = None, hours: float = 2.0) -> str | None:
        self.now += hours * 3600
        node = Node(self.folder, self.environ, SCHEMA, self.said.append)
        found = current_model(str(setting or self.place), node)
        return None if found is None else found.document


@pytest.fixture
def here(tmp_path, monkeypatch):
    return Here(tmp_path, monkeypatch)


def test_a_new_model_is_used_when_the_place_is_asked_again(here):
    put(here.place, "first")
    assert here.ask() == "first"
    put(here.place, "second", 2)
    assert here.ask(hours=0.1) == "first"
    assert here.ask(hours=MAX_AGE_S / 3600) == "second"
    assert here.said == []


def forge(here: Here) -> None:
    put(here.place, "forged", 2, key="another key, long enough")


def downgrade(here: Here) -> None:
    put(here.place, "old", 1)


def other_features(here: Here) -> None:
    put(here.place, "other", 9, schema="6" * 16)


def cut_model(here: Here) -> None:
    entry = put(here.place, "cut", 9)
    (here.place / entry.file).write_bytes(packed("cut")[:-3])


def swapped_model(here: Here) -> None:
    entry = put(here.place, "swapped", 9)
    (here.place / entry.file).write_bytes(packed("evil"))


def no_model(here: Here) -> None:
    (here.place / put(here.place, "missing", 9).file).unlink()


def damage(here: Here) -> None:
    (here.place / NAME).write_bytes(b"{")


def huge(here: Here) -> None:
    (here.place / NAME).write_bytes(b" " * 100_000)


def gone(here: Here) -> None:
    (here.place / NAME).unlink()


def folder(here: Here) -> None:
    (here.place / NAME).unlink()
    (here.place / NAME).mkdir()


BAD = [forge, downgrade, other_features, cut_model, swapped_model, no_model, damage, huge, gone,
       folder]  # fmt: skip


@pytest.mark.parametrize("spoil", BAD, ids=lambda each: each.__name__)
def test_what_cannot_be_verified_leaves_the_last_good_model_and_one_line(here, spoil):
    put(here.place, "good", 5)
    assert here.ask() == "good"
    spoil(here)
    assert here.ask() == "good"
    assert len(here.said) == 1
    assert "last good model" in here.said[0]
    assert here.ask(hours=0.1) == "good"
    assert len(here.said) == 1


@pytest.mark.parametrize("spoil", [each for each in BAD if each is not downgrade],
                         ids=lambda each: each.__name__)  # fmt: skip
def test_without_a_last_good_model_there_is_none_and_one_line(here, spoil):
    put(here.place, "unused")
    spoil(here)
    assert here.ask() is None
    assert len(here.said) == 1


def test_a_rollback_has_a_higher_number(here):
    put(here.place, "new", 6)
    assert here.ask() == "new"
    put(here.place, "old", 7)
    assert here.ask() == "old"


def test_the_kept_files_may_be_damaged(here):
    put(here.place, "good", 5)
    assert here.ask() == "good"
    for path in here.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff")
    assert here.ask(hours=0.1) == "good"
    assert here.said == []


def test_a_folder_without_keys_is_trusted_and_an_address_is_not(here):
    here.environ.pop("NEXUS_MODEL_KEY")
    put(here.place, "good")
    assert here.ask() == "good"
    assert here.ask("http://127.0.0.1:9/models") is None
    assert "NX936" in here.said[0]


def test_a_canary_reaches_some_runners(here):
    canary = put(here.place, "canary")
    put(here.place, "stable", 2, canary=canary, canary_percent=50.0)
    got = set()
    for number in range(20):
        here.environ["RUNNER_NAME"] = f"runner-{number}"
        got.add(here.ask())
    assert got == {"canary", "stable"}


def served(here: Here, server: DavServer) -> None:
    for path in here.place.iterdir():
        server.files[path.name] = path.read_bytes()


def test_an_address_is_read_kept_and_used_offline(here):
    with DavServer() as server:
        put(here.place, "from afar")
        served(here, server)
        assert here.ask(server.url) == "from afar"
        n_asked = len(server.asked)
        assert here.ask(server.url, hours=0.1) == "from afar"
        assert len(server.asked) == n_asked
        url = server.url
    assert here.ask(url) == "from afar"
    assert "NX935" in here.said[0]


@pytest.mark.parametrize("fault", [0, 403, 404, 500])
def test_a_server_with_a_fault_costs_one_line(here, fault):
    with DavServer() as server:
        put(here.place, "good")
        served(here, server)
        assert here.ask(server.url) == "good"
        server.faults = [fault]
        assert here.ask(server.url) == "good"
    assert len(here.said) == 1


def test_a_server_that_is_silent_costs_no_more_than_the_bound(here, monkeypatch):
    monkeypatch.setattr(locations, "MAX_WAIT_S", 0.2)
    with DavServer() as server:
        put(here.place, "good")
        served(here, server)
        assert here.ask(server.url) == "good"
        server.delay_s = 0.8
        assert here.ask(server.url) == "good"
        for thread in [each for each in threading.enumerate() if each.name == FETCH]:
            thread.join(5.0)
    assert "NX935" in here.said[0]


def test_the_region_of_the_runner_comes_first_then_the_quickest(here, tmp_path):
    for name in ("us", "eu"):
        put(tmp_path / name, f"model of {name}", region=name)
    setting = f"us={tmp_path / 'us'},eu={tmp_path / 'eu'}"
    here.environ["NEXUS_REGION"] = "eu"
    assert here.ask(setting) == "model of eu"
    here.environ["NEXUS_REGION"] = "us"
    assert here.ask(setting) == "model of us"
    (tmp_path / "us" / NAME).unlink()
    here.folder = tmp_path / "another"
    assert here.ask(setting) == "model of eu"
    assert here.said == []


def test_the_manifest_of_another_region_is_refused(here, tmp_path):
    put(tmp_path / "us", "model of us", region="us")
    assert here.ask(f"eu={tmp_path / 'us'}") is None
    assert "NX937" in here.said[0]


def test_nothing_can_be_kept_on_a_full_disk(here, monkeypatch):
    put(here.place, "good")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    assert here.ask() == "good"
    assert here.said == []


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_session_that_is_killed_while_it_keeps_a_model_leaves_a_good_one(
    here, monkeypatch, at, is_after
):
    put(here.place, "first")
    assert here.ask() == "first"
    put(here.place, "second", 2)
    rename, calls = Path.replace, 0

    def dying(self: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == at and not is_after:
            raise KeyboardInterrupt
        rename(self, target)
        if calls == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(KeyboardInterrupt):
        here.ask()
    monkeypatch.setattr(Path, "replace", rename)
    for path in here.place.iterdir():
        path.unlink()
    assert here.ask() == ("second" if (at, is_after) == (2, True) else "first")
    assert "last good model" in here.said[0]


def test_a_clock_that_goes_back_is_no_reason_to_fail(here):
    put(here.place, "good")
    assert here.ask() == "good"
    assert here.ask(hours=-50.0) == "good"
