"""What fixtures use counts for each test that has the fixture, not only for the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

LIB = """
    def begin():
        return part()

    def part():
        return 1

    def end():
        pass

    def other():
        return 2
"""


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_set_up_and_tear_down(track: Callable[..., Tracked], scope: str) -> None:
    found = track(
        {
            "pytest.ini": "[pytest]\npythonpath = .\n",
            "lib.py": LIB,
            "tests/__init__.py": "",
            "tests/conftest.py": f"""
                import pytest
                import lib

                @pytest.fixture(scope="{scope}")
                def value():
                    yield lib.begin()
                    lib.end()
            """,
            "tests/test_a.py": """
                class TestA:
                    def test_first(self, value):
                        pass

                    def test_second(self, value):
                        pass

                    def test_none(self):
                        pass
            """,
            "tests/test_b.py": "def test_later(): pass",
        }
    )
    users = {"test_first", "test_second"}
    assert found.users("block lib.py::begin", "block lib.py::part") == users
    assert found.users("block lib.py::end") == users
    assert found.users("block tests/conftest.py::value") == users


def test_set_up_by_names_of_functions(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": """
                def of_module(): pass
                def of_module_end(): pass
                def of_class(): pass
                def of_class_end(): pass
                def of_unittest(): pass
                def of_unittest_end(): pass
                def of_method(): pass
                def of_cleanup(): pass
            """,
            "test_a.py": """
                import unittest
                import lib

                def setup_module():
                    lib.of_module()

                def teardown_module():
                    lib.of_module_end()

                class TestA:
                    @classmethod
                    def setup_class(cls):
                        lib.of_class()

                    @classmethod
                    def teardown_class(cls):
                        lib.of_class_end()

                    def setup_method(self):
                        lib.of_method()

                    def test_a1(self): pass
                    def test_a2(self): pass

                class TestB(unittest.TestCase):
                    @classmethod
                    def setUpClass(cls):
                        lib.of_unittest()
                        cls.addClassCleanup(lib.of_cleanup)

                    @classmethod
                    def tearDownClass(cls):
                        lib.of_unittest_end()

                    def test_b1(self): pass
                    def test_b2(self): pass
            """,
            "test_b.py": "def test_other(): pass",
        }
    )
    of_a, of_b = {"test_a1", "test_a2"}, {"test_b1", "test_b2"}
    assert found.users("block lib.py::of_module") == of_a | of_b
    assert found.users("block lib.py::of_module_end") == of_a | of_b
    assert found.users("block lib.py::of_class") == of_a
    assert found.users("block lib.py::of_class_end") == of_a
    assert found.users("block lib.py::of_method") == of_a
    assert found.users("block lib.py::of_unittest") == of_b
    assert found.users("block lib.py::of_unittest_end") == of_b
    assert found.users("block lib.py::of_cleanup") == of_b


def test_fixture_of_a_fixture(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": LIB,
            "conftest.py": """
                import pytest
                import lib

                @pytest.fixture(scope="session")
                def inner():
                    yield lib.begin()
                    lib.end()

                @pytest.fixture(scope="module")
                def outer(inner):
                    return inner

                @pytest.fixture
                def each(outer):
                    return outer

                @pytest.fixture(scope="module", autouse=True)
                def always():
                    lib.other()
            """,
            "test_a.py": """
                def test_each(each): pass
                def test_each_too(each): pass
                def test_none(): pass
            """,
            "test_b.py": """
                def test_outer(outer): pass
                def test_inner(inner): pass
            """,
        }
    )
    users = {"test_each", "test_each_too", "test_outer", "test_inner"}
    assert found.users("block lib.py::begin", "block lib.py::end") == users
    assert found.users("block lib.py::other") == set(found.uses)


def test_fixture_that_asks_by_name(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "conftest.py": """
                import pytest
                import lib

                @pytest.fixture(scope="session")
                def hidden():
                    yield lib.begin()
                    lib.end()

                @pytest.fixture(scope="session")
                def asking(request):
                    return request.getfixturevalue("hidden")
            """,
            "test_a.py": """
                import pytest

                def test_asking(asking): pass
                def test_asking_too(asking): pass

                def test_own_request(request):
                    request.getfixturevalue("hidden")

                def test_own_request_too(request):
                    request.getfixturevalue("hidden")

                @pytest.mark.usefixtures("hidden")
                def test_mark(): pass

                def test_none(): pass
            """,
        }
    )
    users = {
        "test_asking", "test_asking_too", "test_own_request", "test_own_request_too", "test_mark",
    }  # fmt: skip
    assert found.users("block lib.py::begin", "block lib.py::end") == users


def test_parameters_of_a_shared_fixture(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "lib.py": """
                def one(): return "one"
                def two(): return "two"
                def end_one(): pass
                def end_two(): pass
            """,
            "test_a.py": """
                import pytest
                import lib

                @pytest.fixture(scope="module", params=["one", "two"])
                def value(request):
                    yield getattr(lib, request.param)()
                    getattr(lib, f"end_{request.param}")()

                def test_first(value): assert value
                def test_second(value): assert value
                def test_none(): pass
            """,
        }
    )
    ones, twos = {"test_first[one]", "test_second[one]"}, {"test_first[two]", "test_second[two]"}
    assert found.users("block lib.py::one") == ones
    assert found.users("block lib.py::two") == twos
    assert found.users("block lib.py::end_one") == ones
    assert found.users("block lib.py::end_two") == twos


def test_finalizers_and_overriding_fixtures(track: Callable[..., Tracked]) -> None:
    found = track(
        {
            "lib.py": LIB,
            "conftest.py": """
                import pytest
                import lib

                @pytest.fixture(scope="module")
                def value(request):
                    request.addfinalizer(lib.end)
                    return lib.begin()
            """,
            "test_a.py": """
                import pytest

                @pytest.fixture(scope="module")
                def value(value):
                    return value + 1

                def test_first(value): assert value == 2
                def test_second(value): assert value == 2
                def test_none(): pass
            """,
        }
    )
    users = {"test_first", "test_second"}
    assert found.users("block lib.py::begin", "block lib.py::end") == users
    assert found.users("block test_a.py::value", "block conftest.py::value") == users


def test_value_that_works_later(track: Callable[..., Tracked]) -> None:
    """What a test calls on the value of a shared fixture is the test's own, and lazy."""
    found = track(
        {
            "lib.py": """
                class Client:
                    def get(self): return 1
                    def put(self): return 2
            """,
            "conftest.py": """
                import pytest
                import lib

                @pytest.fixture(scope="session")
                def client():
                    return lib.Client()
            """,
            "test_a.py": """
                def test_get(client): assert client.get() == 1
                def test_put(client): assert client.put() == 2
            """,
        }
    )
    assert found.users("block lib.py::Client.get") == {"test_get"}
    assert found.users("block lib.py::Client.put") == {"test_put"}


def test_fixture_that_fails(track: Callable[..., Tracked]) -> None:
    """The second test gets the same error. A result that is a failure is never reused."""
    found = track(
        {
            "lib.py": LIB,
            "test_a.py": """
                import pytest
                import lib

                @pytest.fixture(scope="module")
                def broken():
                    lib.begin()
                    raise ValueError

                def test_first(broken): pass
                def test_second(broken): pass
                def test_none(): pass
            """,
        },
        passes=False,
    )
    assert found.users("block lib.py::begin", "block lib.py::part") == {"test_first"}
