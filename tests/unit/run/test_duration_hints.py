"""How slow a test looks that never ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.plan.known_tests import UNKNOWN_DURATION_S, StatsIndex
from pytest_nexus.run.ordering import describe
from pytest_nexus.run.xdist.collection_channel import pack, unpack
from tests.support.builders import by_key, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.domain.records import CollectedTest

pytest_plugins = ["pytester"]

CONFTEST: Final = """
import subprocess
import pytest

@pytest.fixture
def ran(tmp_path): return subprocess.run(["true"], cwd=tmp_path)

@pytest.fixture
def second_hand(ran): return ran
"""
SUITE: Final = """
import subprocess, time, unittest
import pytest

def test_plain(): assert 1 + 1 == 2
def test_files(tmp_path): pass
def test_sleeps(): time.sleep(0)
def test_process(): subprocess.check_output(["true"])
def test_inner(): assert [subprocess.Popen for _ in ()] == []
def test_fixture(second_hand): pass
@pytest.mark.slow
def test_marked(): pass
class TestCase(unittest.TestCase):
    def test_unit(self): subprocess.check_call(["true"])
"""


@pytest.fixture
def collect(pytester: pytest.Pytester) -> Callable[[], list[CollectedTest]]:
    pytester.makeini("[pytest]\nmarkers = slow")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=SUITE)
    pytester.mkdir("integration").joinpath("test_far.py").write_text("def test_far(): pass\n")

    def collected() -> list[CollectedTest]:
        items, _ = pytester.inline_genitems("-p", "no:nexus")
        tests = describe(items)
        assert list(unpack(pack(items), [test.nodeid for test in tests]).tests) == tests
        return tests

    return collected


def test_what_starts_processes_lookslower_than_what_reckons(
    collect: Callable[[], list[CollectedTest]],
) -> None:
    duration_factor = {test.nodeid.rpartition("::")[2]: test.duration_factor for test in collect()}
    assert duration_factor["test_plain"] == 1.0
    assert (
        1.0
        < duration_factor["test_sleeps"]
        < duration_factor["test_files"]
        < duration_factor["test_process"]
    )
    assert (
        duration_factor["test_process"]
        == duration_factor["test_inner"]
        == duration_factor["test_unit"]
    )
    assert duration_factor["test_fixture"] > duration_factor["test_process"]
    assert (
        duration_factor["test_marked"]
        == duration_factor["test_far"]
        > duration_factor["test_process"]
    )


def test_looks_count_where_neither_test_nor_file_is_known(
    collect: Callable[[], list[CollectedTest]],
) -> None:
    tests = {test.nodeid.rpartition("::")[2]: test for test in collect()}
    slow, plain = tests["test_far"], tests["test_plain"]
    nothing = StatsIndex({}, {})
    assert nothing.expected_duration(plain) == UNKNOWN_DURATION_S
    assert nothing.expected_duration(slow) == pytest.approx(
        UNKNOWN_DURATION_S * slow.duration_factor
    )
    suite = StatsIndex(by_key(known("other.py::t", call_s=3.0)), {})
    assert suite.expected_duration(plain) == 3.0
    assert suite.expected_duration(slow) == pytest.approx(3.0 * slow.duration_factor)
    module = StatsIndex(by_key(known(f"{slow.path}::t", call_s=3.0)), {})
    assert module.expected_duration(slow) == 3.0
