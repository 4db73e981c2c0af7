"""What the conftest files and the plugins of a project mean for its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring


def test_conftest_counts_for_its_folder(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "conftest.py": "import of_root\nVALUE = of_root.made()",
            "of_root.py": "def made(): return part()\n\ndef part(): return 1\n\ndef spare(): pass",
            "one/conftest.py": "import of_one",
            "one/of_one.py": "",
            "one/test_one.py": "def test_one(): pass",
            "two/test_two.py": "def test_two(): pass",
        }
    )
    both = {"test_one", "test_two"}
    assert found.users("module conftest.py", "module of_root.py") == both
    assert found.users("block of_root.py::made", "block of_root.py::part") == both
    assert found.users("block of_root.py::spare") == set()
    assert found.users("module one/conftest.py", "module one/of_one.py") == {"test_one"}


def test_hooks_around_tests(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "conftest.py": """
                import hooks

                def pytest_configure(config):
                    hooks.configured()

                def pytest_collection_modifyitems(items):
                    hooks.sorted_by(items)

                def pytest_runtest_setup(item):
                    hooks.around()

                def pytest_unconfigure():
                    hooks.at_the_end()
            """,
            "hooks.py": """
                def configured(): pass
                def sorted_by(items): pass
                def around(): pass
                def at_the_end(): pass
                def unused(): pass
            """,
            "test_a.py": "def test_a(): pass",
            "test_b.py": "def test_b(): pass",
        }
    )
    both = {"test_a", "test_b"}
    assert found.users("block conftest.py::pytest_runtest_setup", "block hooks.py::around") == both
    assert found.users("block hooks.py::configured", "block conftest.py::pytest_configure") == both
    assert found.users("block hooks.py::sorted_by") == both
    assert found.users("block hooks.py::unused") == set()


def test_plugins_of_the_project(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "pytest.ini": "[pytest]\npythonpath = .\n",
            "conftest.py": 'pytest_plugins = ["more_fixtures"]',
            "more_fixtures.py": """
                import pytest

                @pytest.fixture
                def value():
                    return made()

                def made():
                    return 1
            """,
            "test_a.py": """
                def test_value(value):
                    assert value == 1

                def test_none():
                    pass
            """,
        }
    )
    assert found.users("module more_fixtures.py") == {"test_value", "test_none"}
    assert found.users("block more_fixtures.py::made") == {"test_value"}
    assert "block more_fixtures.py::value" in found.uses["test_value"]


def test_plugin_of_the_command_line(track: Callable[..., Tracked]) -> None:
    """Pytest imports such a plugin before nexus can watch."""
    found = track(
        {
            "early_plugin.py": """
                import pytest

                def made():
                    return 1

                VALUE = made()

                @pytest.fixture
                def value():
                    return spare()

                def spare():
                    return VALUE
            """,
            "test_a.py": """
                def test_value(value):
                    assert value == 1

                def test_none():
                    pass
            """,
        },
        "-p", "early_plugin",
    )  # fmt: skip
    both = {"test_value", "test_none"}
    assert found.users("module early_plugin.py", "block early_plugin.py::made") == both
    assert "test_value" in found.users("block early_plugin.py::spare")


def test_helpers_that_run_at_collection(track_anyhow: Callable[..., Tracked]) -> None:
    found = track_anyhow(
        {
            "cases.py": """
                def all_cases():
                    return [one() for _ in range(2)]

                def one():
                    return 1

                def spare():
                    return 2
            """,
            "conftest.py": """
                import cases

                def pytest_generate_tests(metafunc):
                    if "case" in metafunc.fixturenames:
                        metafunc.parametrize("case", cases.all_cases(), ids=["a", "b"])
            """,
            "test_a.py": """
                def test_case(case):
                    assert case
            """,
            "test_b.py": """
                import pytest
                from cases import all_cases

                @pytest.mark.parametrize("one", all_cases(), ids=["a", "b"])
                def test_given(one):
                    assert one
            """,
            "test_c.py": "def test_none(): pass",
        }
    )
    users = {"test_case[a]", "test_case[b]", "test_given[a]", "test_given[b]"}
    assert found.users("block cases.py::one") == users
    assert found.users("block cases.py::spare") == set()


def test_assertion_rewriting(track: Callable[..., Tracked]) -> None:
    """Pytest rewrites test files and registered helpers with a loader of its own."""
    found = track(
        {
            "conftest.py": 'import pytest\npytest.register_assert_rewrite("checks")',
            "checks.py": """
                def check(one):
                    assert one == 1

                def spare(one):
                    assert one == 2
            """,
            "test_a.py": """
                from checks import check

                def test_check():
                    check(1)

                def test_none():
                    pass
            """,
        }
    )
    assert found.users("block checks.py::check") == {"test_check"}
    assert found.users("block checks.py::spare") == set()
    for name in found.uses:
        assert found.of_kind("file", name) == set()
