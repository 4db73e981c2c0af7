"""A plugin for `pytest -p`: keeps the tests of one round of a hunt, in its order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.identity import identify
from pytest_nexus.regular_files import read_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_MAX_BYTES: Final = 256 * 1024 * 1024
HUNT_VARIABLE: Final = "NEXUS_HUNT"
"""Environment variable that names the file with the keys of the tests and the seed."""


def write_round(path: Path, keys: Iterable[str], seed: int, *, in_order: bool = False) -> None:
    """Write what the plugin reads; called by the command before it starts the session.

    Args:
        path: the file.
        keys: of the tests of the round.
        seed: of their order.
        in_order: whether they run in the order given, without a shuffle.
    """
    kept = list(keys) if in_order else sorted(keys)
    this = {"keys": kept, "seed": seed, "in_order": in_order}
    path.write_text(json.dumps(this), encoding="utf-8")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Deselect other tests and order what is left, after every other plugin."""
    yield
    path = os.environ.get(HUNT_VARIABLE)
    if not path:
        return
    this = json.loads(read_text(Path(path), _MAX_BYTES))
    keys = frozenset(this["keys"])
    kept = [item for item in items if identify(item).key in keys]
    others = [item for item in items if identify(item).key not in keys]
    if others:
        config.hook.pytest_deselected(items=others)
    if this.get("in_order"):
        places = {key: place for place, key in enumerate(this["keys"])}
        kept.sort(key=lambda item: places[identify(item).key])
        items[:] = kept
        return
    items[:] = shuffled(kept, this["seed"])


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the items in random order, those of one file together: its fixtures may be dear.

    The same on each xdist worker, which all must collect in one order.
    """
    random = Random(seed)  # noqa: S311 - an order, no secret
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    parts = list(files.values())
    random.shuffle(parts)
    for part in parts:
        random.shuffle(part)
    return [item for part in parts for item in part]
