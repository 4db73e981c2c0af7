from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange import packets
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.exchange.packets import packed, unpack
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

ATTEMPTS = [attempt("t", "failed", failure=failure()), attempt("t", number=2), attempt("u")]


def test_a_packet_is_a_history_with_one_run(tmp_path: Path) -> None:
    one = candidate_of(run(1), ATTEMPTS)
    unpack(packed(one), tmp_path / "one.sqlite3")
    with open_history(tmp_path / "one.sqlite3") as history:
        (found,) = history.candidates()
        assert history.ranks() == {run(1).run_uid: one.rank}
        assert history.check() == []
    assert (found.run, found.rank) == (one.run, one.rank)
    assert sorted(found.attempts, key=repr) == sorted(one.attempts, key=repr)


def test_the_ranks_are_those_of_the_stored_runs(tmp_path: Path) -> None:
    given = [
        candidate_of(run(1), [attempt("t")]),
        candidate_of(run(2, complete=False), [attempt("t"), attempt("u")]),
        candidate_of(run(3, trust="fork"), []),
    ]
    with open_history(tmp_path / "history.sqlite3") as history:
        history.add(given)
        assert history.ranks() == {each.run.run_uid: each.rank for each in given}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is cut or too large"),
        (b"no packet", "incorrect header check"),
        (zlib.compress(b"x" * 99)[:-1], "it is cut or too large"),
        (zlib.compress(b"x" * 101), "it is cut or too large"),
    ],
)
def test_a_damaged_packet_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.setattr(packets, "MAX_BYTES", 100)
    with pytest.raises(HistoryError) as caught:
        unpack(content, tmp_path / "one")
    assert caught.value.code == "NX536"
    assert caught.value.message.startswith("A packet is damaged: ")
    assert reason in caught.value.message
    assert not (tmp_path / "one").exists()


def test_a_packet_may_be_almost_as_large_as_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "MAX_BYTES", 100)
    unpack(zlib.compress(b"x" * 99), tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"x" * 99
