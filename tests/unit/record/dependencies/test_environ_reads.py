"""Reads of the environment by code of the project are noticed, and nothing else changes."""

from __future__ import annotations

import copy
import os
import pickle
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.dependencies.watching.environ_reads import EnvironReads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def read() -> Iterator[list[str]]:
    found: list[str] = []
    reads = EnvironReads(
        lambda name, _: found.append(name),
        lambda frame: frame.f_code.co_filename == __file__,
        pytest.fail,
    )
    data = vars(os.environ)["_data"]
    assert reads.start()
    yield found
    reads.stop()
    assert vars(os.environ)["_data"] is data
    assert type(data) is dict


def test_names_and_whole(read: list[str]) -> None:
    os.environ.get("ONE")
    assert "TWO" not in os.environ
    os.getenv("THREE")
    assert read == ["ONE", "TWO", "THREE"]
    for look in (len, list, dict, repr, copy.deepcopy, lambda each: pickle.dumps(each._data)):
        read.clear()
        look(os.environ)  # type: ignore[operator] # functions of one argument
        assert "*" in read


def test_value_that_the_project_set(read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("OWN", "a")
        assert os.environ["OWN"] == "a"
        assert read == []
    assert "OWN" not in os.environ
    assert read == ["OWN"]


def test_both_mappings_and_the_process_agree(
    read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN", "a")
    assert os.environb[b"OWN"] == b"a"
    monkeypatch.delenv("OWN")
    assert b"OWN" not in os.environb


def test_name_of_the_running_test_is_what_pytest_set(read: list[str]) -> None:
    assert "running_test" in os.environ["PYTEST_CURRENT_TEST"]  # pytest set it after the fixture
    assert read == []
    del os.environ["PYTEST_CURRENT_TEST"]
    assert "PYTEST_CURRENT_TEST" not in os.environ
    os.environ["PYTEST_CURRENT_TEST"] = __name__  # pytest removes it
    assert read == []


def test_second_watcher_is_refused(read: list[str]) -> None:
    """The watcher of an inner session must not undo that of the outer one."""
    second = EnvironReads(lambda *_: None, lambda _: True, pytest.fail)
    assert not second.start()
    second.stop()
    os.environ.get("ONE")
    assert read == ["ONE"]


def test_read_that_cannot_be_followed() -> None:
    """It must not fail where the project reads."""

    def fail(name: str, _: object) -> None:
        raise {"DEEP": RecursionError}.get(name, ValueError)

    failed: list[int] = []
    reads = EnvironReads(fail, lambda _: True, lambda: failed.append(1))
    assert reads.start()
    try:
        assert os.environ.get("DEEP") is None
        assert (failed, len(reads.lost)) == ([], 1)
        assert os.environ.get("OTHER") is None
        assert (failed, len(reads.lost)) == ([1], 1)
    finally:
        reads.stop()
