"""Tests of other kinds than plain functions are tracked too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat.pytest_internals import failed_subtests_key
from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

LIB = """
    def f():
        return 1

    def g():
        return 2

    async def later():
        return g()
"""


def test_unittest(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": LIB,
            "test_a.py": """
                import unittest
                import lib

                class TestA(unittest.TestCase):
                    def setUp(self):
                        self.value = lib.f()

                    def test_a(self):
                        self.assertEqual(self.value, 1)

                class TestB(unittest.IsolatedAsyncioTestCase):
                    async def test_b(self):
                        self.assertEqual(await lib.later(), 2)
            """,
        }
    )
    assert found.users("block lib.py::f", "block test_a.py::TestA.setUp") == {"test_a"}
    assert found.users("block lib.py::g", "block lib.py::later") == {"test_b"}


def test_doctests_of_modules(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": '''
                """Module."""
                import part

                def f():
                    """
                    >>> f()
                    1
                    """
                    return part.g()

                def h():
                    """
                    >>> 1 + 1
                    2
                    """
            ''',
            "part.py": "def g(): return 1",
        },
        "--doctest-modules",
    )
    assert found.users("block lib.py::f", "block part.py::g") == {"lib.f"}
    # The text of an example is in a docstring, and so in the module level.
    assert found.users("module lib.py", "module part.py") == {"lib.f", "lib.h"}


def test_doctests_of_text_files(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": LIB,
            "docs/test_guide.txt": ">>> from lib import f\n>>> f()\n1\n",
            "docs/test_other.txt": ">>> 1 + 1\n2\n",
            "test_a.py": "def test_none(): pass",
        }
    )
    assert found.users("file docs/test_guide.txt") == {"test_guide.txt"}
    assert found.users("file docs/test_other.txt") == {"test_other.txt"}
    assert found.users("block lib.py::f", "module lib.py") == {"test_guide.txt"}


@pytest.mark.skipif(failed_subtests_key is None, reason="needs subtests of pytest 9")
def test_subtests(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": """
                import unittest
                import lib

                def test_sub(subtests):
                    for function in (lib.f, lib.g):
                        with subtests.test():
                            assert function()

                class TestA(unittest.TestCase):
                    def test_unit(self):
                        with self.subTest():
                            lib.f()

                def test_none(): pass
            """,
        }
    )
    assert found.users("block lib.py::g") == {"test_sub"}
    assert found.users("block lib.py::f") == {"test_sub", "test_unit"}


def test_attempts_of_a_test(track_anyhow: Callable[..., Tracked]) -> None:
    """What any attempt used counts."""
    found = track_anyhow(
        {
            "lib.py": LIB,
            "one.txt": "1",
            "test_a.py": """
                import os
                import lib

                def test_flaky():
                    if not os.path.exists("flag"):
                        open("flag", "w").close()
                        assert lib.f() == 3
                    assert lib.g() == 2
                    open("one.txt").close()

                def test_none(): pass
            """,
        },
        "--nexus-reruns=2",
    )
    assert len([one for one in found.result.attempts if "flaky" in one["nodeid"]]) == 2
    assert found.users("block lib.py::f", "block lib.py::g", "file one.txt") == {"test_flaky"}


def test_tests_that_do_not_pass(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": """
                import pytest
                import lib

                def test_fails(): assert lib.f() == 2

                @pytest.mark.xfail
                def test_expected(): assert lib.f() == 2

                @pytest.mark.skipif("lib.f() == 1")
                def test_skipped(): pass

                def test_other(): lib.g()
            """,
        },
        passes=False,
    )
    assert found.users("block lib.py::f") == {"test_fails", "test_expected", "test_skipped"}
    assert found.users("block lib.py::g") == {"test_other"}


def test_items_of_a_plugin(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "conftest.py": """
                import pytest
                import lib

                class Item(pytest.Item):
                    def runtest(self):
                        assert lib.f() == 1

                class File(pytest.File):
                    def collect(self):
                        yield Item.from_parent(self, name=self.path.read_text().strip())

                def pytest_collect_file(parent, file_path):
                    if file_path.suffix == ".case":
                        return File.from_parent(parent, path=file_path)
            """,
            "one.case": "first",
            "two.case": "second",
            "test_a.py": "def test_none(): pass",
        }
    )
    assert found.users("file one.case") == {"first"}
    assert found.users("file two.case") == {"second"}
    assert found.users("block lib.py::f", "block conftest.py::Item.runtest") == {"first", "second"}
    assert found.users("block conftest.py::File.collect") >= {"first", "second"}


def test_asyncio_plugin(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
            "lib.py": LIB,
            "test_a.py": """
                import pytest_asyncio
                import lib

                @pytest_asyncio.fixture(scope="module", loop_scope="module")
                async def shared():
                    yield await lib.later()
                    lib.f()

                async def test_first(shared): pass
                async def test_second(shared): pass
                async def test_own(): await lib.later()
                async def test_none(): pass
            """,
        },
        companions=("asyncio",),
    )
    assert found.users("block lib.py::g") == {"test_first", "test_second", "test_own"}
    assert found.users("block lib.py::f") == {"test_first", "test_second"}
    assert found.users("distribution pytest-asyncio") == set(found.uses)


def test_rerunfailures(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": """
                import os
                import lib

                def test_flaky():
                    if not os.path.exists("flag"):
                        open("flag", "w").close()
                        assert lib.f() == 3
                    assert lib.g() == 2

                def test_none(): pass
            """,
        },
        "--reruns=2",
        companions=("rerunfailures",),
    )
    assert found.users("block lib.py::f", "block lib.py::g") == {"test_flaky"}


def test_repeated_tests(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": """
                import lib

                def test_f(): lib.f()
                def test_none(): pass
            """,
        },
        "--count=2",
        companions=("pytest_repeat",),
    )
    assert found.users("block lib.py::f") == {"test_f[1-2]", "test_f[2-2]"}
