"""What the plugin uses and test suites replace, as it was when the plugin was imported.

Suites replace `subprocess.Popen`, `json.dumps`, `os.urandom`, `threading.Thread` and the like, some
of them when their conftest is imported. Nothing else reads the environment of this process.
"""

from __future__ import annotations

from hashlib import sha256
from json import dumps, loads
from os import environ, read, urandom
from subprocess import PIPE, Popen
from threading import Thread

__all__ = ["PIPE", "Popen", "Thread", "dumps", "environ", "loads", "read", "sha256", "urandom"]
