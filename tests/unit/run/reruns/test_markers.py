"""The marker `flaky` against what the README of pytest-rerunfailures 16.7 says of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.failure import describe_report
from pytest_nexus.run.reruns.markers import RerunRule, rerun_rule, text_of

if TYPE_CHECKING:
    from pytest_nexus.run.reruns.markers import Raised

CHAINS = {
    "bare": "assert 1 == 2",
    "worded": "raise AssertionError('three')",
    "plain": "raise ValueError('two\\nlines')",
    "empty": "raise ValueError",
    "far": "raise __import__('urllib.error').error.URLError('refused')",
    "failed": "pytest.fail('reason')",
    "cause": """
        try:
            raise MemoryError('full')
        except MemoryError as error:
            raise RuntimeError('wrapped') from error
    """,
    "context": """
        try:
            assert 0, 'first'
        except AssertionError:
            raise ConnectionError('second')
    """,
    "hidden": """
        try:
            raise KeyError('k')
        except KeyError:
            raise OSError('o') from None
    """,
    "both": """
        try:
            try:
                raise KeyError('k')
            except KeyError:
                raise IndexError('i')
        except IndexError as error:
            raise OSError('o') from error
    """,
}


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Raised]]:
    """What each of `CHAINS` raised: by its report, and by the same report from a worker."""
    folder = tmp_path_factory.mktemp("chains")
    tests = [
        f"def test_{name}():\n    {body.strip().replace(chr(10) + '    ', chr(10))}\n"
        for name, body in CHAINS.items()
    ]
    (folder / "test_chains.py").write_text("import pytest\n\n" + "\n".join(tests))
    (folder / "pytest.ini").write_text("[pytest]\n")
    found: dict[str, list[Raised]] = {}

    class Collector:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                moved = pytest.TestReport._from_json(report._to_json())
                name = report.nodeid.rpartition("test_")[2]
                found[name] = [
                    text_of(one, describe_report(one, folder)) for one in (report, moved)
                ]

    arguments = [str(folder), "-p", "no:nexus", "-p", "no:cacheprovider", "-p", "no:terminal"]
    arguments.append("--import-mode=importlib")
    pytest.main(["-c", str(folder / "pytest.ini"), *arguments], plugins=[Collector()])
    assert found.keys() == CHAINS.keys()
    return found


@pytest.fixture(autouse=True)
def registered(pytester: pytest.Pytester) -> None:
    # At the end of each configuration that plugin collects garbage five times, for half a second.
    ini = "[pytest]\naddopts = -p no:unraisableexception\nmarkers =\n    flaky\n    slow\n"
    pytester.makeini(ini)


def rule_of(pytester: pytest.Pytester, arguments: str, mark: str = "flaky") -> RerunRule | None:
    text = f"import pytest\n\n@pytest.mark.{mark}{arguments}\ndef test_a(): pass\n"
    return rerun_rule(pytester.getitem(text, "test_a"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", RerunRule(1, 0.0)),
        ("()", RerunRule(1, 0.0)),
        ("(5)", RerunRule(5, 0.0)),
        ("(5, 2)", RerunRule(5, 2.0)),
        ("(5, 2, 3)", RerunRule(5, 2.0, backoff=3.0)),
        ("(reruns=5)", RerunRule(5, 0.0)),
        ("(reruns=5, reruns_delay=2)", RerunRule(5, 2.0)),
        (
            "(reruns=5, reruns_delay=2, reruns_delay_backoff_factor=2)",
            RerunRule(5, 2.0, backoff=2.0),
        ),
        ("(reruns_delay=1.5)", RerunRule(1, 1.5)),
        ("(reruns=0)", RerunRule(0, 0.0)),
        ("(reruns=2, condition='True')", RerunRule(2, 0.0)),
        ("(reruns=2, condition=False)", RerunRule(0, 0.0)),
        ("(rerun_except='AssertionError')", RerunRule(1, 0.0, (), ("AssertionError",))),
        ("(only_rerun=['A', 'B'])", RerunRule(1, 0.0, ("A", "B"))),
    ],
)
def test_the_documented_forms(
    pytester: pytest.Pytester, arguments: str, expected: RerunRule
) -> None:
    assert rule_of(pytester, arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("(reruns='many')", RerunRule(1, 0.0)),
        ("(reruns=None, reruns_delay=None)", RerunRule(1, 0.0)),
        ("(reruns=float('inf'))", RerunRule(1, 0.0)),
        ("(reruns=-2, reruns_delay=-1)", RerunRule(0, 0.0)),
        ("(reruns_delay=float('nan'))", RerunRule(1, 0.0)),
        ("(only_rerun=7)", RerunRule(1, 0.0, ("7",))),
    ],
)
def test_nonsense_counts_as_the_default(
    pytester: pytest.Pytester, arguments: str, expected: RerunRule
) -> None:
    assert rule_of(pytester, arguments) == expected


@pytest.mark.parametrize("arguments", ["(max_runs=3)", "(retries=2, delay=1)", "(reruns=1, x=2)"])
def test_a_marker_of_another_plugin_is_none(pytester: pytest.Pytester, arguments: str) -> None:
    assert rule_of(pytester, arguments) is None


def test_a_test_without_the_marker_has_no_rule(pytester: pytest.Pytester) -> None:
    assert rule_of(pytester, "", mark="slow") is None


def test_the_closest_marker_counts(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        pytestmark = pytest.mark.flaky(reruns=7)
        @pytest.mark.flaky(reruns=2)
        class TestA:
            def test_a(self): pass
    """
    assert rerun_rule(pytester.getitem(text, "test_a")) == RerunRule(2, 0.0)


def test_a_condition_sees_the_globals_of_a_method(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        LIMIT = 3
        class TestA:
            @pytest.mark.flaky(reruns=2, condition="LIMIT == 4")
            def test_a(self): pass
    """
    assert rerun_rule(pytester.getitem(text, "test_a")) == RerunRule(0, 0.0)


def test_the_delay_grows_by_the_factor() -> None:
    rule = RerunRule(3, 1.0, backoff=2.0)
    assert [rule.delay_after(number) for number in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert RerunRule(3, 2.0).delay_after(3) == 2.0
    assert RerunRule(9**9, 1.0, backoff=10.0).delay_after(400) == math.inf


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("bare", "AssertionError"),
        ("bare", "^AssertionError: assert 1 == 2"),
        ("worded", "^AssertionError: three"),
        ("plain", "^ValueError: two"),
        ("plain", "lines$"),
        ("empty", "^ValueError: $"),
        ("far", "^URLError: "),
        ("failed", "^Failed: reason"),
        ("cause", "^RuntimeError: wrapped"),
        ("cause", "^MemoryError: full"),
        ("context", "ConnectionError"),
        ("context", "^AssertionError: first"),
        ("hidden", "OSError"),
        ("both", "KeyError"),
    ],
)
def test_only_rerun_is_looked_for_in_the_whole_chain(
    raised: dict[str, list[Raised]], name: str, pattern: str
) -> None:
    rule = RerunRule(1, 0.0, only=("nothing of this", pattern))
    assert [rule.allows(one) for one in raised[name]] == [True, True]


@pytest.mark.parametrize(
    ("name", "pattern"), [("hidden", "KeyError"), ("plain", "TypeError"), ("bare", "^assert")]
)
def test_what_no_pattern_matches_is_not_repeated(
    raised: dict[str, list[Raised]], name: str, pattern: str
) -> None:
    rule = RerunRule(1, 0.0, only=(pattern,))
    assert [rule.allows(one) for one in raised[name]] == [False, False]


@pytest.mark.parametrize(
    ("name", "pattern", "is_allowed"),
    [
        ("plain", "ValueError", False),
        ("cause", "RuntimeError", False),
        ("cause", "MemoryError", False),
        ("context", "AssertionError", True),
        ("hidden", "KeyError", True),
        ("both", "IndexError", False),
        ("both", "KeyError", True),
    ],
)
def test_rerun_except_follows_explicit_causes_alone(
    raised: dict[str, list[Raised]], name: str, pattern: str, is_allowed: bool
) -> None:
    rule = RerunRule(1, 0.0, excepted=(pattern,))
    assert [rule.allows(one) for one in raised[name]] == [is_allowed, is_allowed]


def test_an_exception_has_to_match_one_list_and_not_the_other(
    raised: dict[str, list[Raised]],
) -> None:
    rule = RerunRule(1, 0.0, only=("Error",), excepted=("two",))
    assert rule.allows(raised["far"][0])
    assert not rule.allows(raised["plain"][0])


@pytest.mark.parametrize(
    ("classes", "name", "is_allowed"),
    [
        ("OSError", "context", True),
        ("OSError", "plain", False),
        ("[AssertionError, ValueError]", "bare", True),
        ("(LookupError,)", "both", True),
        ("Exception", "plain", True),
        ("ValueError", "failed", False),
        ("KeyError", "hidden", False),
        ("Own", "plain", False),
    ],
)
def test_classes_match_their_subclasses_and_no_words_in_messages(
    pytester: pytest.Pytester,
    raised: dict[str, list[Raised]],
    classes: str,
    name: str,
    is_allowed: bool,
) -> None:
    text = f"""
        import pytest
        class Own(ValueError): pass
        @pytest.mark.flaky(only_rerun={classes})
        def test_a(): pass
    """
    rule = rerun_rule(pytester.getitem(text, "test_a"))
    assert rule is not None
    assert rule.allows(raised[name][0]) is is_allowed


def test_what_is_no_pattern_is_taken_as_written(raised: dict[str, list[Raised]]) -> None:
    assert not RerunRule(1, 0.0, only=("two(",)).allows(raised["plain"][0])
    assert RerunRule(1, 0.0, excepted=("*",)).allows(raised["plain"][0])
