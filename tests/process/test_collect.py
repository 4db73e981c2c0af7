"""What `collect` finds by a pytest process of its own."""

from __future__ import annotations

import pytest

from pytest_nexus.errors import PlanError
from pytest_nexus.launch.collect import collect

SUITE = {
    "test_a.py": """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            return 1

        @pytest.mark.parametrize("n", range(4))
        def test_shared(shared, n):
            pass
    """,
    "test_b.py": """
        class TestB:
            def test_one(self):
                pass

            def test_two(self):
                pass
    """,
}


@pytest.fixture
def suite(pytester, monkeypatch):
    pytester.makepyfile(**{name.removesuffix(".py"): text for name, text in SUITE.items()})
    monkeypatch.delenv("NEXUS", raising=False)
    return pytester.path


def test_collected_are_the_tests_that_the_arguments_select(suite):
    tests = collect(["-k", "shared or one"]).tests
    assert [test.nodeid for test in tests] == [
        *(f"test_a.py::test_shared[{n}]" for n in range(4)),
        "test_b.py::TestB::test_one",
    ]
    assert tests[0].scopes == ("module:test_a.py",)
    assert tests[0].function_key == "test_a.py::test_shared"


def test_workers_asked_for_do_not_stand_in_the_way(suite):
    assert len(collect(["-n", "2", "--nexus"]).tests) == 6


def test_a_shard_of_the_environment_does_not_limit_the_plan(suite, monkeypatch):
    monkeypatch.setenv("NEXUS_SHARD", "1/2")
    assert len(collect([]).tests) == 6


def test_a_suite_that_cannot_be_collected_is_not_planned(suite):
    (suite / "test_c.py").write_text("import nothing_of_that_name")
    with pytest.raises(PlanError, match=r"(?s)exit status 2.*nothing_of_that_name"):
        collect([])
