from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
from random import Random
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import GitHubError, LimitedError
from pytest_nexus.github import pull as pulling
from pytest_nexus.github.pull import Pulled, pull
from pytest_nexus.history.exchange import forks
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
from tests.support.forks import runs_of_forks
from tests.support.github_server import FORK_ID, REPOSITORY_ID, Reply, zipped
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.dependencies import SessionUses


@pytest.fixture
def journal(tmp_path: Path):
    """Makes the bytes of a journal."""

    def make(
        uid: int, *attempts: object, uses: SessionUses | None = None, **fields: object
    ) -> bytes:
        writer = JournalWriter.create(tmp_path / "journals", run(uid, **fields))
        for one in attempts or (attempt(),):
            writer.attempt(one)  # type: ignore[arg-type] # attempts
        if uses is not None:
            writer.uses(uses)
        writer.end(1.0, 0, complete=True)
        writer.close()
        data = writer.path.read_bytes()
        writer.path.unlink()
        return data

    return make


@pytest.fixture
def take(history, client):
    def call(limit: int = 1000) -> Pulled:
        return pull(history, client, prefix="nexus-journal-", limit=limit)

    return call


def uids(history) -> list[int]:
    return sorted(int(one.run.run_uid, 16) for one in history.runs())


def test_journals_are_taken_in_once(server, take, history, journal):
    for uid in range(1, 4):
        server.put(zipped({"a.jsonl": journal(uid)}))
    server.put(zipped({"a.jsonl": journal(9)}), name="wheels")
    first = take()
    assert (first.runs, first.attempts, dict(first.artifacts)) == (3, 3, {"taken": 3})
    again = take()
    assert (again.runs, dict(again.artifacts)) == (0, {})
    assert uids(history) == [1, 2, 3]
    assert server.count("/zip") == 3


@pytest.mark.slow
def test_only_what_is_new_is_downloaded(server, take, history, journal):
    for uid in range(1, 251):
        server.put(zipped({"a.jsonl": journal(uid)}))
    take()
    n_asked = len(server.asked)
    server.put(zipped({"a.jsonl": journal(300)}))
    assert take().runs == 1
    assert [path for _, path in server.asked[n_asked:]] == [
        "/repos/octo/repo/actions/artifacts?per_page=100&page=1",
        "/repos/octo/repo/actions/artifacts?per_page=100&page=2",
        "/repos/octo/repo/actions/artifacts/251/zip",
    ]


def test_pull_that_met_a_limit_goes_on_where_it_was(server, take, history, journal, monkeypatch):
    monkeypatch.setattr(pulling, "_BATCH_ARTIFACTS", 2)
    for uid in range(1, 8):
        server.put(zipped({"a.jsonl": journal(uid)}))
    server.reply("artifacts/4/zip", Reply(429, {"Retry-After": "5000"}))
    with pytest.raises(LimitedError):
        take()
    assert uids(history) == [1, 2, 3]
    assert take().runs == 4
    assert uids(history) == list(range(1, 8))


def test_pull_that_was_killed_leaves_no_gap(server, take, history, journal, monkeypatch):
    for uid in range(1, 60):
        server.put(zipped({"a.jsonl": journal(uid)}))
    monkeypatch.setattr(pulling, "_BATCH_ARTIFACTS", 10)
    real, calls = pulling._store, []

    def store(*arguments: object) -> None:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        real(*arguments)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(pulling, "_store", store)
    with pytest.raises(KeyboardInterrupt):
        take()
    assert uids(history) == list(range(1, 21))
    monkeypatch.setattr(pulling, "_store", real)
    take()
    assert uids(history) == list(range(1, 60))


def test_artifact_that_fails_is_tried_again_by_the_next_pulls(server, take, history, journal):
    server.put(zipped({"a.jsonl": journal(1)}))
    server.put(zipped({"a.jsonl": journal(2)}))
    server.reply("artifacts/1/zip", Reply(500), times=5)
    assert dict(take().artifacts) == {"failed": 1, "taken": 1}
    assert uids(history) == [2]
    assert dict(take().artifacts) == {"taken": 1}
    assert uids(history) == [1, 2]


def test_artifact_that_always_fails_is_given_up(server, take, history, journal):
    server.put(zipped({"a.jsonl": journal(1)}))
    for _ in range(pulling.MAX_TRIES):
        server.reply("artifacts/1/zip", Reply(500), times=5)
        take()
    assert dict(take().artifacts) == {}


def test_artifact_that_was_deleted_since_is_gone(server, take, history, journal):
    server.put(zipped({"a.jsonl": journal(1)}))
    server.put(zipped({"a.jsonl": journal(2)}))
    server.reply("artifacts/1/zip", Reply(500), times=5)
    take()
    del server.artifacts[0]
    take()
    assert history.artifacts("octo/repo")[1].status == "gone"


def test_expired_artifacts_are_not_downloaded(server, take, history, journal):
    server.put(zipped({"a.jsonl": journal(1)}), expired=True)
    assert dict(take().artifacts) == {"gone": 1}
    assert server.count("/zip") == 0


@pytest.mark.parametrize(
    "data",
    [b"no zip", zipped({"a.jsonl": b"no journal"}), zipped({"a.jsonl": b'{"kind":"run"}\n'})],
)
def test_hostile_artifact_is_refused_once_and_the_others_come(server, take, history, journal, data):
    server.put(data)
    server.put(zipped({"a.jsonl": journal(1)}))
    pulled = take()
    assert dict(pulled.artifacts) == {"refused": 1, "taken": 1}
    assert pulled.problems[0].startswith("artifact 1: ")
    assert take().artifacts == {}


def archive(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("a.jsonl", data)
    return buffer.getvalue()


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """An archive in which one field of a record has another value."""
    at = data.rindex(signature) + offset
    return data[:at] + value + data[at + len(value) :]


def damaged_archives() -> dict[str, bytes]:
    plain = archive(b"x" * 500)
    bzip2 = bytearray(archive(b"x" * 500, zipfile.ZIP_BZIP2))
    lzma = bytearray(archive(b"x" * 500, zipfile.ZIP_LZMA))
    for each in (bzip2, lzma):
        at = each.index(b"PK\x01\x02") - 12
        each[at : at + 8] = b"\xff" * 8
    many = zipped({f"{number}.txt": b"" for number in range(3)})
    entry = many[many.index(b"PK\x01\x02") : many.rindex(b"PK\x05\x06")]
    head = many[: many.index(b"PK\x01\x02")]
    end = many[many.rindex(b"PK\x05\x06") :]
    bloated = entry * 40_000
    return {
        "bzip2": bytes(bzip2),
        "lzma": bytes(lzma),
        "whole bzip2": archive(b"x", zipfile.ZIP_BZIP2),
        "whole lzma": archive(b"x", zipfile.ZIP_LZMA),
        "offset of a member": patched(plain, b"PK\x01\x02", 42, struct.pack("<I", 2**31)),
        "offset behind the end": patched(plain, b"PK\x01\x02", 42, struct.pack("<I", 2**32 - 2)),
        "offset of the contents": patched(plain, b"PK\x05\x06", 16, struct.pack("<I", 2**32 - 2)),
        "size of the contents": patched(plain, b"PK\x05\x06", 12, struct.pack("<I", 2**31)),
        "method": patched(plain, b"PK\x01\x02", 10, struct.pack("<H", 97)),
        "version": patched(plain, b"PK\x01\x02", 6, struct.pack("<H", 250)),
        "password": patched(plain, b"PK\x01\x02", 8, struct.pack("<H", 1)),
        "patch": patched(plain, b"PK\x01\x02", 8, struct.pack("<H", 0x20)),
        "name": patched(
            patched(plain, b"PK\x01\x02", 8, struct.pack("<H", 0x800)), b"PK\x01\x02", 46, b"\xff"
        ),
        "check sum": patched(plain, b"PK\x01\x02", 16, struct.pack("<I", 7)),
        "deflated": patched(plain, b"PK\x03\x04", 38, b"\xff\xff\xff"),
        "cut": plain[:-40],
        "contents of 120,000 files": head
        + bloated
        + patched(end, b"PK\x05\x06", 12, struct.pack("<II", len(bloated), len(head))),
    }


@pytest.mark.parametrize("trust", [REPOSITORY_ID, FORK_ID], ids=["own", "fork"])
@pytest.mark.parametrize("name", damaged_archives())
def test_artifact_that_cannot_be_read_is_noted_and_the_others_come(
    server, take, history, journal, name, trust
):
    server.put(damaged_archives()[name], head_repository_id=trust)
    server.put(zipped({"a.jsonl": journal(1)}))
    pulled = take()
    assert dict(pulled.artifacts) == {"refused": 1, "taken": 1}
    assert uids(history) == [1]
    note = history.artifacts("octo/repo")[1]
    assert note.status == "refused"
    assert note.reason.startswith("the archive ")
    n_asked = len(server.asked)
    assert dict(take().artifacts) == {}
    assert len(server.asked) == n_asked + 1  # the listing alone


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_byte_of_an_archive_stops_a_pull(server, take, history, journal, seed):
    random = Random(seed)
    for uid in range(30):
        data = bytearray(archive(journal(uid), [0, 8, 12, 14][uid % 4]))
        for _ in range(1 + uid % 3):
            data[random.randrange(len(data))] = random.randrange(256)
        server.put(bytes(data), head_repository_id=FORK_ID)
    server.put(zipped({"a.jsonl": journal(99)}))
    pulled = take()
    assert sum(pulled.artifacts.values()) == 31
    assert uids(history) == [99]
    assert dict(take().artifacts) == {}


@pytest.mark.parametrize("where", ["_n_entries", "_write"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_full_disk_is_no_damage(server, take, journal, monkeypatch, where, code):
    server.put(zipped({"a.jsonl": journal(1)}))

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(f"pytest_nexus.github.archive.{where}", fail)
        with pytest.raises(GitHubError, match="NX808"):
            take()
    assert take().runs == 1


def test_fork_that_sends_more_tests_than_it_may_is_refused(server, take, history, journal):
    many = [attempt(f"t.py::{'x' * 900}{number}") for number in range(7000)]
    server.put(zipped({"a.jsonl": journal(1, *many)}), head_repository_id=FORK_ID)
    server.put(zipped({"a.jsonl": journal(2, *many)}))
    pulled = take()
    assert dict(pulled.artifacts) == {"refused": 1, "taken": 1}
    assert "NX810" in pulled.problems[0]
    server.put(zipped({"a.jsonl": journal(3, *many)}), head_repository_id=FORK_ID)
    assert dict(take().artifacts) == {"taken": 1}
    assert len(runs_of_forks(history)) == 1  # its tests were known by then


def test_fork_that_sends_more_attempts_than_it_may_is_refused(
    server, take, history, journal, monkeypatch
):
    monkeypatch.setitem(pulling._MAX_ATTEMPTS, "fork", 5)
    five = [attempt(f"t.py::{number}") for number in range(5)]
    six = [*five, attempt()]
    server.put(zipped({"a.jsonl": journal(1, *six)}), head_repository_id=FORK_ID)
    server.put(
        zipped({"a.jsonl": journal(2, *five), "b.jsonl": journal(3)}), head_repository_id=FORK_ID
    )
    server.put(zipped({"a.jsonl": journal(4, *six)}))
    pulled = take()
    assert dict(pulled.artifacts) == {"refused": 1, "taken": 2}
    assert len(runs_of_forks(history)) == 1
    assert "more than 5 attempts" in pulled.problems[0]


def test_newest_runs_of_forks_are_kept_and_leave_the_others_alone(
    server, take, history, journal, monkeypatch
):
    monkeypatch.setattr(forks, "MAX_RUNS", 3)
    for uid in range(1, 9):
        server.put(zipped({"a.jsonl": journal(uid)}), head_repository_id=FORK_ID)
        server.put(zipped({"a.jsonl": journal(100 + uid, attempt(f"t.py::{uid}"))}))
        pulled = take()
    assert pulled.forgotten == 1
    kept = sorted(int(one.run.run_uid, 16) for one in runs_of_forks(history))
    assert kept == [6, 7, 8]
    assert uids(history) == list(range(101, 109))
    assert history.check() == []
    server.put(zipped({"a.jsonl": journal(1)}))  # the run that a fork claimed to be
    assert take().runs == 1


def test_journal_beside_a_damaged_one_is_taken_in(server, take, history, journal):
    server.put(zipped({"a.jsonl": b"x", "b.jsonl": journal(1)}))
    assert take().runs == 1


@pytest.mark.parametrize("head_repository_id", [FORK_ID, None, 42.5, "42"])
def test_what_is_not_surely_of_the_repository_teaches_nothing(
    server, take, history, journal, head_repository_id
):
    server.put(zipped({"a.jsonl": journal(1)}))
    take()
    before = history.stats()
    forged = journal(2, attempt("t.py::x", "failed"), attempt(call_s=999.0), started_at=9e9)
    server.put(
        zipped({"a.jsonl": forged}), head_repository_id=head_repository_id, head_sha="b" * 40
    )
    pulled = take()
    assert (pulled.runs, pulled.fork_runs) == (1, 1)
    assert history.stats() == before
    assert uids(history) == [1]
    assert history.unaccepted_heads() == ["b" * 40]


@pytest.mark.parametrize("trust", [REPOSITORY_ID, FORK_ID], ids=["own", "fork"])
def test_what_tests_used_is_kept_from_own_runs_alone(server, take, history, journal, trust):
    uses = session_uses({attempt().key: ["src/a.py::area"]})
    data = journal(1, uses=uses)
    server.put(zipped({"a.jsonl": data}), head_repository_id=trust, head_sha="b" * 40)
    assert take().runs == 1
    assert len(history.uses().fingerprints) == (trust == REPOSITORY_ID)
    history.accept(["b" * 40])
    assert len(history.uses().fingerprints) == (trust == REPOSITORY_ID)


def test_fork_cannot_claim_the_head_of_another_commit(server, take, history, journal):
    claimed = journal(1, commit="c" * 40)
    server.put(zipped({"a.jsonl": claimed}), head_repository_id=FORK_ID, head_sha="b" * 40)
    take()
    assert history.accept(["c" * 40]) == 0
    assert history.accept(["b" * 40]) == 1


def test_fork_may_send_less(server, take, history, journal, monkeypatch):
    monkeypatch.setitem(pulling._MAX_JOURNAL_BYTES, "fork", 100)
    server.put(zipped({"a.jsonl": journal(1)}))
    server.put(zipped({"a.jsonl": journal(2)}), head_repository_id=FORK_ID)
    assert dict(take().artifacts) == {"taken": 1, "refused": 1}


def test_limit_takes_the_newest(server, take, history, journal):
    for uid in range(1, 6):
        server.put(zipped({"a.jsonl": journal(uid)}))
    take(limit=2)
    assert uids(history) == [4, 5]
