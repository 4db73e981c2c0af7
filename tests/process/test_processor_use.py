"""The processor time of real sessions: workers, reruns, crashes, and suites with other clocks."""

from __future__ import annotations

import pytest

from pytest_nexus.energy.power import CLASSES
from pytest_nexus.energy.run_energy import RunWork, run_energy
from tests.support.project import Project

pytestmark = pytest.mark.process

SPIN = """
import os, time

_clock = time.process_time

def spin(seconds):
    end = _clock() + seconds
    while _clock() < end:
        pass
"""
SUITE = {
    "spin.py": SPIN,
    "test_a.py": "from spin import spin\ndef test_a(): spin(0.3)\ndef test_b(): spin(0.3)\n",
}


@pytest.mark.parametrize(
    "arguments", [[], ["-n", "2"], ["--nexus-reruns=1"]], ids=["single", "workers", "reruns"]
)
def test_what_tests_burn_is_recorded_and_gives_an_energy(tmp_path, arguments):
    project = Project(tmp_path, SUITE)
    project.run(*arguments)
    (found,) = project.runs()
    run = found.run
    assert run.cpu_s >= 0.6
    assert 0.0 <= run.cpu_collect_s <= run.cpu_s
    assert run.cores >= 1
    work = RunWork(run.duration_s, 0.6, run.workers, run.cpu_s, run.cores)
    assert run_energy(CLASSES["hosted"], work, None).footprint.kwh > 0.0


def test_each_attempt_of_a_test_counts(tmp_path):
    failing = "from spin import spin\ndef test_a():\n    spin(0.3)\n    assert 0\n"
    project = Project(tmp_path, {"spin.py": SPIN, "test_a.py": failing})
    project.run("--nexus-reruns=2")
    (found,) = project.runs()
    assert found.run.cpu_s >= 0.3 * found.n_attempts


def test_a_worker_that_crashes_makes_the_processor_time_unknown(tmp_path):
    crashing = "import os\ndef test_a(): os._exit(1)\ndef test_b(): pass\n"
    project = Project(tmp_path, {"test_a.py": crashing})
    project.run("-n", "2")
    (found,) = project.runs()
    assert (found.run.cpu_s, found.run.cores) == (None, None)
    assert found.run.duration_s > 0.0


def test_a_suite_that_replaces_the_clocks_changes_nothing(tmp_path):
    conftest = "import os, time\nos.times = lambda: (1e9,) * 5\ntime.process_time = lambda: 1e9\n"
    conftest += "os.sched_getaffinity = lambda pid: ()\nos.cpu_count = lambda: None\n"
    project = Project(tmp_path, {**SUITE, "conftest.py": f"import spin\n{conftest}"})
    project.run("-n", "1")
    (found,) = project.runs()
    assert 0.6 <= found.run.cpu_s < 600.0
    assert found.run.cores >= 1
