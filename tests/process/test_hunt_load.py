"""The processes that keep cores busy during a hunt end with the command, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from pytest_nexus.launch.hunt_round import _BUSY, _load

COMMAND = """
import sys, time
from pytest_nexus.launch import hunt_round as hunt_session
real = hunt_session.subprocess.Popen
def told(*given, **named):
    process = real(*given, **named)
    print(process.pid, flush=True)
    return process
hunt_session.subprocess.Popen = told
with hunt_session._load(2):
    time.sleep(60)
"""


def test_load_ends_with_its_round() -> None:
    with _load(2):
        pass


def test_load_goes_on_until_its_input_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", _BUSY], stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.mark.posix("looks for processes as POSIX does")
def test_load_ends_with_a_command_that_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    busy = [int(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(is_running, busy)):
        time.sleep(0.1)
    assert [pid for pid in busy if is_running(pid)] == []


def is_running(pid: int) -> bool:
    """Whether a process is there and not just waiting to be counted as dead."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")
