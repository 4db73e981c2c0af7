"""Describe the interpreter and the machine of a session."""

from __future__ import annotations

import os
import platform
import sys
from typing import Final

from pytest_nexus.domain.system import originals

_MAX_CHARS: Final = 200


def _cores() -> int:
    """Return the logical cores that this process may use, as far as Python knows."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


CORES: Final = _cores()
"""Logical cores, as they were before a suite could replace the function."""


def machine() -> tuple[str, str]:
    """Return the Python version and the platform, as in `("3.12.4", "linux-x86_64")`.

    For an interpreter other than CPython, its name precedes the version.
    """
    name = platform.python_implementation()
    version = platform.python_version()
    python = version if name == "CPython" else f"{name} {version}"
    return python, f"{sys.platform}-{_processor()}"


def _processor() -> str:
    # platform.machine() may wait for Windows' management service
    uname = getattr(os, "uname", None)
    name = uname().machine if uname else originals.environ.get("PROCESSOR_ARCHITECTURE", "")
    return str(name)[:_MAX_CHARS].lower()
