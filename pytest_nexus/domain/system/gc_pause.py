"""Keeps Python's garbage collector out of the way while many lasting objects are made."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused_gc() -> Iterator[None]:
    """Pause the collector, which would walk over all objects of the session every few thousand.

    Nothing is collected late that was garbage before: what the block leaves behind is counted when
    the collector runs again. A collector that the user turned off stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
