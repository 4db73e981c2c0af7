"""Measure the memory of this process."""

from __future__ import annotations

import platform
import re
from pathlib import Path


def peak_mib() -> float | None:
    """Return the largest resident memory of this process so far; None where it is unknown.

    Reads /proc where it exists: on Linux, `ru_maxrss` of a process starts at the value of its
    parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text("utf-8"), re.MULTILINE)
        if found is not None:
            return round(int(found[1]) / 2**10, 1)
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if platform.system() == "Darwin" else 2**10), 1)
