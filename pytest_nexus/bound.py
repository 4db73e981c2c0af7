"""What the plugin uses and test suites replace, as it was when the plugin was imported.

Suites replace `subprocess.Popen`, `os.urandom`, `threading.Thread` and the like, some of them when
their conftest is imported.
"""

from __future__ import annotations

from os import read, urandom
from subprocess import PIPE, Popen
from threading import Thread

__all__ = ["PIPE", "Popen", "Thread", "read", "urandom"]
