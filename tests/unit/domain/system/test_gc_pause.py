"""The collector pauses inside the block, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from pytest_nexus.domain.system.gc_pause import paused_gc


@pytest.fixture(autouse=True)
def restored():
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("was_enabled", [True, False])
def test_the_collector_is_as_it_was(was_enabled):
    (gc.enable if was_enabled else gc.disable)()
    with paused_gc():
        assert not gc.isenabled()
    assert gc.isenabled() is was_enabled


def test_an_error_turns_the_collector_on_again():
    gc.enable()
    with pytest.raises(ValueError, match="x"), paused_gc():
        raise ValueError("x")
    assert gc.isenabled()
