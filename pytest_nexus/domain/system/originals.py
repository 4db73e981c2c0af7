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

open_file = open

__all__ = [
    "PIPE",
    "Popen",
    "Thread",
    "dumps",
    "environ",
    "loads",
    "open_file",
    "read",
    "sha256",
    "urandom",
]
