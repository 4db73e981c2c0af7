"""Sessions that a command starts: their output, and their end."""

from __future__ import annotations

import os
import sys
import time

import pytest

from pytest_nexus.launch.session_process import run_to_end, tail

pytestmark = pytest.mark.process

SAYS = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
LEAVES_A_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], start_new_session=True)
print("begun", flush=True)
time.sleep({seconds})
"""


def run(code: str, timeout_s: float | None):
    return run_to_end([sys.executable, "-c", code], dict(os.environ), timeout_s)


def test_output_and_status_are_those_of_the_session() -> None:
    done = run(SAYS, None)
    assert done is not None
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert tail(done) == ("out", "err")


def test_output_that_is_not_text_is_read_all_the_same() -> None:
    done = run("import sys; sys.stdout.buffer.write(b'a\\xff\\n')", None)
    assert done is not None
    assert done.stdout.startswith("a")


@pytest.mark.parametrize(("seconds", "is_ended"), [(20, True), (0, False)])
def test_a_process_that_holds_the_output_does_not_hold_the_command(
    seconds: int, is_ended: bool
) -> None:
    started = time.monotonic()
    done = run(LEAVES_A_CHILD.format(seconds=seconds), 2.0)
    assert time.monotonic() - started < 10
    assert (done is None) == is_ended
