"""Writes suites whose tests flake, or all fail, as files beside them say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.suites import TESTS_PER_MODULE
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

EXECUTIONS: Final = "executions"
"""File that grows by a byte with each execution of a test."""

FLAKES: Final = "flakes"
"""Folder in which a flaky test finds when it failed first in a session."""

DOWN: Final = "down"
"""File that holds from which test on all fail: `0` for all, `-30` for the last thirty."""

_IGNORED: Final = f"__pycache__/\n.pytest_cache/\n.nexus/\n{EXECUTIONS}\n{FLAKES}/\n{DOWN}\n"
_BEHAVIOUR: Final = '''"""What the tests do."""

import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOWN = ROOT / "down"
FIRST = int(DOWN.read_text()) if DOWN.exists() else None


def run(number, recovers_s=0.0):
    with open(ROOT / "executions", "ab") as executions:
        executions.write(b".")
    time.sleep({duration_s})
    if FIRST is not None and number >= FIRST % {n_tests}:
        raise ConnectionError("the database is down")
    if recovers_s:
        flake = ROOT / "flakes" / str(number)
        flake.parent.mkdir(exist_ok=True)
        if not flake.exists():
            flake.write_text(str(time.time()))
        assert time.time() - float(flake.read_text()) >= recovers_s
'''


def write_flaky_suite(
    folder: Path, n_tests: int, duration_s: float, *, n_flaky: int = 0, recovers_s: float = 0.0
) -> Path:
    """Write tests that sleep, some of which pass only from a time after they first failed.

    The flaky ones are spread evenly. Returns the folder.
    """
    behaviour = _BEHAVIOUR.format(duration_s=duration_s, n_tests=n_tests)
    (folder / "tests").mkdir(parents=True)
    (folder / "tests/behaviour.py").write_text(behaviour, encoding="utf-8")
    flaky = {n_tests * place // n_flaky for place in range(n_flaky)}
    for start in range(0, n_tests, TESTS_PER_MODULE):
        tests = [
            f"def test_{number:05}():\n    run({number}{f', {recovers_s}' * (number in flaky)})\n"
            for number in range(start, min(start + TESTS_PER_MODULE, n_tests))
        ]
        path = folder / f"tests/test_module_{start // TESTS_PER_MODULE:03}.py"
        path.write_text("\n\n".join(["from behaviour import run\n", *tests]), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    init(folder).commit()
    return folder
