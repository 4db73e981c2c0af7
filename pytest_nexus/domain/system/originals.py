"""Functions and the environment as they were when the plugin was imported.

Test suites replace `subprocess.Popen`, `json.dumps`, `os.urandom`, `threading.Thread` and others,
some of them when their conftest is imported. No other module reads the environment of this process.
"""

from __future__ import annotations

from hashlib import sha256
from json import dumps, loads
from os import environ, read, urandom
from subprocess import PIPE, Popen
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

open_file = open

identity_of: Callable[[object], int] = object.__hash__
"""Return a number that no other living object has.

`id` does the same, and raises an audit event at each call. With an audit hook in Python that takes
ten times as long.
"""

__all__ = [
    "PIPE",
    "Popen",
    "Thread",
    "dumps",
    "environ",
    "identity_of",
    "loads",
    "open_file",
    "read",
    "sha256",
    "urandom",
]
