from __future__ import annotations

import pytest

SUITE = """
    import pytest

    @pytest.mark.parametrize("n", range(6))
    def test_n(n):
        assert n != 3
"""
SHUFFLES = """
    import pytest

    class Shuffling:
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(self, config, items):
            yield
            config.hook.pytest_deselected(items=[items.pop(0)])
            items.reverse()

    def pytest_configure(config):
        config.pluginmanager.register(Shuffling(), {name!r})
"""
NAMES = [f"test_n[{n}]" for n in range(6)]


@pytest.fixture
def suite(pytester):
    pytester.makepyfile(test_one=SUITE)
    return pytester


def ran(suite, *arguments):
    result = suite.inline_run(*arguments)
    calls = result.getcalls("pytest_runtest_logstart")
    return [call.nodeid.partition("::")[2] for call in calls]


UNDISTURBED = ("-p", "pytest_nexus.launch.collection_order_plugin")


def test_a_shuffle_is_undone_and_what_was_deselected_stays_out(suite):
    suite.makeconftest(SHUFFLES.format(name="randomly"))
    assert ran(suite) == NAMES[:0:-1]
    assert ran(suite, *UNDISTURBED) == NAMES[1:]


def test_an_order_that_is_no_shuffle_stays(suite):
    suite.makeconftest(SHUFFLES.format(name="by_date"))
    assert ran(suite, *UNDISTURBED) == NAMES[:0:-1]


def test_the_last_run_neither_selects_nor_is_replaced(suite):
    ran(suite)
    for option in ("--lf", "--ff", "--sw"):
        assert ran(suite, option, *UNDISTURBED) == NAMES
    suite.makepyfile(test_one=SUITE.replace("!= 3", "!= 999"))
    ran(suite, "--lf", *UNDISTURBED)
    assert ran(suite, "--lf") == [NAMES[3]], "the failure of the first run is still the last one"
