from __future__ import annotations

import pytest

from pytest_nexus.launch.hunt_plugin import HUNT_VARIABLE, write_round

SUITE = "import pytest\n" + "\n".join(
    f"@pytest.mark.parametrize('n', range(4))\ndef test_{name}(n): pass" for name in "ab"
)


@pytest.fixture
def suite(pytester):
    for name in ("test_one", "test_two"):
        pytester.makepyfile(**{name: SUITE})
    return pytester


def order(suite, keys, seed, *arguments, in_order=False):
    write_round(suite.path / "round.json", keys, seed, in_order=in_order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HUNT_VARIABLE, str(suite.path / "round.json"))
        plugin = ("-p", "pytest_nexus.launch.hunt_plugin")
        result = suite.inline_run("-p", "no:randomly", *plugin, *arguments)
    calls = result.getcalls("pytest_runtest_logstart")
    return [call.nodeid for call in calls]


def test_only_the_tests_of_the_round_run(suite):
    keys = ["test_one.py::test_a[1]", "test_two.py::test_b[3]", "gone.py::test_x"]
    assert sorted(order(suite, keys, 1)) == sorted(keys[:2])


def test_a_seed_gives_an_order_and_another_seed_another(suite):
    keys = [f"test_{file}.py::test_a[{n}]" for file in ("one", "two") for n in range(4)]
    first = order(suite, keys, 1)
    assert sorted(first) == sorted(keys)
    assert first == order(suite, keys, 1)
    assert first != order(suite, keys, 2)


def test_an_order_that_is_given_is_kept(suite):
    keys = [
        f"test_{file}.py::test_{name}[{n}]"
        for n in (2, 0)
        for name in "ba"
        for file in ("two", "one")
    ]
    assert order(suite, [*keys, "gone.py::test_x"], 3, in_order=True) == keys


def test_an_order_that_is_given_comes_after_every_other_plugin(suite):
    suite.makeconftest("""
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(items):
            yield
            items.reverse()
    """)
    keys = [f"test_two.py::test_a[{n}]" for n in (1, 3, 0, 2)]
    assert order(suite, keys, 3, in_order=True) == keys


@pytest.mark.parametrize("seed", range(5))
def test_tests_of_a_file_stay_together(suite, seed):
    keys = [f"test_{file}.py::test_b[{n}]" for file in ("one", "two") for n in range(4)]
    files = [nodeid.partition("::")[0] for nodeid in order(suite, keys, seed)]
    assert files in (sorted(files), sorted(files, reverse=True))


def test_without_the_variable_nothing_changes(suite, monkeypatch):
    monkeypatch.delenv(HUNT_VARIABLE, raising=False)
    result = suite.inline_run("-p", "pytest_nexus.launch.hunt_plugin")
    result.assertoutcome(passed=16)
