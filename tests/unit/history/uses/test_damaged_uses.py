"""Whatever somebody did to a history, reading uses ends soon, with values or with one error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.store import read_history
from tests.support.damage import change_cells, copy, flip_bytes, make_history
from tests.support.uses import known

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDS = range(24)


@pytest.mark.parametrize("slim", [False, True], ids=["whole", "slim"])
@pytest.mark.parametrize("damage", [change_cells, flip_bytes])
def test_damaged_uses_are_refused(
    tmp_path: Path, damage: Callable[[Path, int], str], slim: bool
) -> None:
    sound = make_history(tmp_path / "sound.sqlite3", slim=slim)
    path = tmp_path / "damaged.sqlite3"
    n_refused = 0
    for seed in SEEDS:
        copy(sound, path)
        damage(path, seed)
        try:
            with read_history(path) as history:  # type: ignore[union-attr] # just made
                found = history.uses()
                history.check()
            for told in known(found).values():
                assert 0 < len(told) <= 4
        except HistoryError:
            n_refused += 1
    assert 0 < n_refused < len(SEEDS)
