"""A plugin for `pytest -p` that keeps the tests of one round of a hunt, in their order."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain.identity import identify
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.regular_files import read_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

_MAX_BYTES: Final = 256 * 1024 * 1024
HUNT_VARIABLE: Final = "NEXUS_HUNT"
"""Environment variable with the name of the file that holds the test keys and the seed."""


def write_round(path: Path, keys: Iterable[str], seed: int, *, in_order: bool = False) -> None:
    """Write the input of the plugin. Called by the command before it starts the session.

    Args:
        path: the file.
        keys: the tests of the round.
        seed: the seed of their order.
        in_order: whether the tests run in the given order, without a shuffle.
    """
    kept = list(keys) if in_order else sorted(keys)
    this = {"keys": kept, "seed": seed, "in_order": in_order}
    path.write_text(json.dumps(this), encoding="utf-8")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the round after all other plugins: the hook registered last wraps the others."""
    path = originals.environ.get(HUNT_VARIABLE)
    if path:
        config.pluginmanager.register(_Round(json.loads(read_text(Path(path), _MAX_BYTES))))


class _Round:
    def __init__(self, this: Mapping[str, Any]) -> None:
        self._places = {key: place for place, key in enumerate(this["keys"])}
        self._seed: int = this["seed"]
        self._in_order = bool(this.get("in_order"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Deselect other tests and order the remaining ones, after every other plugin."""
        yield
        kept = [item for item in items if identify(item).key in self._places]
        others = [item for item in items if identify(item).key not in self._places]
        if others:
            config.hook.pytest_deselected(items=others)
        if self._in_order:
            items[:] = sorted(kept, key=lambda item: self._places[identify(item).key])
        else:
            items[:] = shuffled(kept, self._seed)


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the items in random order; items of one file stay together to share its fixtures.

    All xdist workers must collect in one order, so each of them computes the same order.
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
