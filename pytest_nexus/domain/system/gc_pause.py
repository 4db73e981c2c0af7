"""Pause Python's garbage collector while many long-lived objects are created."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused_gc() -> Iterator[None]:
    """Pause the collector, which would otherwise visit all objects every few thousand allocations.

    Earlier garbage is not collected late: the objects of the block count when the collector runs
    again. A collector that the user turned off stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
