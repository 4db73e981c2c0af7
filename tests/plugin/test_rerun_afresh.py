"""A second attempt begins with the item as it was collected, and hides no failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.flakes import ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

AT_ONCE = ("--nexus-reruns=1", "--nexus-rerun-delay=0")
BASE = {"pytest.ini": "[pytest]\npythonpath = .\naddopts = --doctest-modules\n", "once.py": ONCE}
WAYS = pytest.mark.parametrize(
    "way",
    [(), ("-n", "1"), ("-x",), ("-x", "-n", "1")],
    ids=["plain", "worker", "x", "x on a worker"],
)

HIDDEN = {
    "skip": "request.node.add_marker(pytest.mark.skip)",
    "skipif": "request.node.add_marker(pytest.mark.skipif(True, reason='no'))",
    "xfail": "request.node.add_marker(pytest.mark.xfail)",
    "in front": "request.node.add_marker(pytest.mark.skip, append=False)",
    "own_markers": "request.node.own_markers = [pytest.mark.skip.mark]",
    "module": "request.node.getparent(pytest.Module).add_marker(pytest.mark.skip)",
    "module xfail": "request.node.getparent(pytest.Module).add_marker(pytest.mark.xfail)",
    "session": "request.session.add_marker(pytest.mark.skip)",
}
"""What a test does before it fails; bare pytest reports the failure all the same but for xfail."""


@WAYS
@pytest.mark.parametrize("how", HIDDEN)
def test_an_added_marker_hides_no_failure(
    project: Callable[..., Project], how: str, way: tuple[str, ...]
) -> None:
    files = {
        "test_a.py": f"""
            import pytest
            @pytest.fixture
            def late(request):
                yield
                {HIDDEN[how]}
            def test_it(request, late):
                raise ValueError("it is broken")
        """
    }
    result = project(BASE | files).run(*AT_ONCE, *way)
    assert result.exit_status == (2 if "-n" in way and "-x" in way else 1)
    assert " 1 failed" in result.stdout.splitlines()[-1]
    numbers = [one.get("number", 1) for one in result.attempts]
    assert numbers == [1, 2]
    assert result.attempts[1]["call"][0] == "failed"


SKIPPED_LATER = {
    "recipe": """
        import pytest
        def pytest_runtest_makereport(item, call):
            if call.excinfo is not None:
                item.parent.failed_before = item
        def pytest_runtest_setup(item):
            before = getattr(item.parent, "failed_before", None)
            if before is not None:
                pytest.xfail(f"previous test failed ({before.name})")
    """,
    "skip in a hook": """
        import pytest
        seen = []
        def pytest_runtest_setup(item):
            if seen: pytest.skip("seen")
            seen.append(item)
    """,
    "skip in a fixture": """
        import pytest
        seen = []
        @pytest.fixture(autouse=True)
        def once():
            if seen: pytest.skip("seen")
            seen.append(1)
    """,
    "xfail in the call": """
        import pytest
        seen = []
        def pytest_runtest_call(item):
            if seen: pytest.xfail("seen")
            seen.append(item)
    """,
}


@WAYS
@pytest.mark.parametrize("how", SKIPPED_LATER)
def test_what_is_not_run_to_its_end_takes_no_failure_back(
    project: Callable[..., Project], how: str, way: tuple[str, ...]
) -> None:
    test = "def test_it(): raise ValueError('it is broken')\n"
    result = project(BASE | {"conftest.py": SKIPPED_LATER[how], "test_a.py": test}).run(
        *AT_ONCE, *way, "--junitxml=out.xml"
    )
    line = result.stdout.splitlines()[-1]
    assert " 1 failed" in line, line
    assert "skipped" not in line
    assert "xfailed" not in line
    assert result.exit_status != 0
    assert "ValueError: it is broken" in result.stdout
    (said,) = [line for line in result.said if line.startswith("failed: ")]
    assert "not run to its end when it was repeated" in said


LEFT = {
    "name": "request.node.name = 'renamed'",
    "attribute": "request.node.left = 1",
    "keywords": "request.node.keywords['left'] = 1",
    "extra keywords": "request.node.extra_keyword_matches.add('left')",
    "stash": "request.node.stash[KEY] = 1",
    "callspec": "request.node.callspec.params['a'] = 7",
    "properties": "request.node.user_properties.append(('left', 1))",
    "markers": "request.node.add_marker('left')",
    "fixturenames": "request.node.fixturenames.append('left')",
    "obj": "request.node.obj = lambda **_: None",
    "sections": "request.node.add_report_section('call', 'left', 'text')",
}
CHECKS = """
    node = request.node
    assert node.name == "test_it[1]"
    assert not hasattr(node, "left")
    assert "left" not in node.keywords
    assert "left" not in node.extra_keyword_matches
    assert KEY not in node.stash
    assert node.callspec.params == {"a": 1}
    assert not node.user_properties
    assert not list(node.iter_markers("left"))
    assert "left" not in node.fixturenames
    assert not node._report_sections
"""


@WAYS
@pytest.mark.parametrize("what", LEFT)
def test_nothing_is_left_in_the_item(
    project: Callable[..., Project], what: str, way: tuple[str, ...]
) -> None:
    body = CHECKS.lstrip("\n")
    text = (
        "import pytest\nfrom once import failing\nKEY = pytest.StashKey()\n"
        "@pytest.fixture\ndef late(request):\n    yield\n"
        f"    if not request.config.option.verbose: {LEFT[what]}\n"
        "@pytest.mark.parametrize('a', [1])\ndef test_it(a, request, late):\n"
        f"{body}    failing('it')\n"
    )
    result = project(BASE | {"test_a.py": text}).run(*AT_ONCE, *way)
    assert " 1 flaky" in result.stdout.splitlines()[-1], result.stdout


KINDS = {
    "doctest": (
        "mod.py",
        """
        from once import failing
        NAME = 3
        def documented():
            '''
            >>> NAME
            3
            >>> failing("doc")
            '''
        """,
    ),
    "unittest": (
        "test_a.py",
        """
        import unittest
        from once import failing
        class Unit(unittest.TestCase):
            def test_it(self):
                assert not hasattr(self, "left")
                self.left = 1
                failing("unit")
        """,
    ),
    "custom": (
        "conftest.py",
        """
        import pytest
        from once import failing
        class Steps(pytest.Item):
            def __init__(self, **keywords):
                super().__init__(**keywords)
                self.steps = [1, 2, 3]
            def runtest(self):
                assert self.steps == [1, 2, 3]
                self.steps.pop()
                self.left = 1
                failing("steps")
            def reportinfo(self): return self.path, 0, self.name
        class Cases(pytest.File):
            def collect(self): yield Steps.from_parent(self, name="steps")
        def pytest_collect_file(file_path, parent):
            if file_path.name == "once.py": return Cases.from_parent(parent, path=file_path)
        """,
    ),
}


@WAYS
@pytest.mark.parametrize("kind", KINDS)
def test_items_of_every_kind_begin_afresh(
    project: Callable[..., Project], kind: str, way: tuple[str, ...]
) -> None:
    name, text = KINDS[kind]
    result = project(BASE | {name: text}).run(*AT_ONCE, *way)
    assert " 1 flaky" in result.stdout.splitlines()[-1], result.stdout


HYPOTHESIS = {
    "method": """
        from hypothesis import given, strategies as st
        class TestIt:
            @given(st.integers())
            def test_it(self, number):
                assert not hasattr(self, "left")
                if number > 100: self.left = 1
                assert number < 100
    """,
    "unittest": """
        import unittest
        from hypothesis import given, strategies as st
        class TestIt(unittest.TestCase):
            @given(st.integers())
            def test_it(self, number): self.assertLess(number, 100)
    """,
    "slots": """
        from hypothesis import given, strategies as st
        class TestIt:
            __slots__ = ("left",)
            @given(st.integers())
            def test_it(self, number):
                self.left = 1
                assert number < 100
    """,
    "function": """
        from hypothesis import given, strategies as st
        @given(st.integers())
        def test_it(number): assert number < 100
    """,
    "parametrized": """
        import pytest
        from hypothesis import given, strategies as st
        class TestIt:
            @pytest.mark.parametrize("limit", [100])
            @given(number=st.integers())
            def test_it(self, limit, number): assert number < limit
    """,
}


@WAYS
@pytest.mark.parametrize("kind", HYPOTHESIS)
def test_hypothesis_keeps_its_falsifying_example(
    project: Callable[..., Project], kind: str, way: tuple[str, ...]
) -> None:
    made = project(BASE | {"test_a.py": HYPOTHESIS[kind]})
    result = made.run("-p", "hypothesispytest", "--nexus-reruns=2", "--nexus-rerun-delay=0", *way)
    assert [one.get("number", 1) for one in result.attempts] == [1, 2, 3]
    assert "FailedHealthCheck" not in result.stdout
    assert "differing" not in result.stdout
    assert "Falsifying example" in result.stdout or "Failing test case" in result.stdout


@WAYS
def test_what_cannot_begin_afresh_is_not_repeated(
    project: Callable[..., Project], way: tuple[str, ...]
) -> None:
    files = {  # as of a release of Hypothesis that keeps its instance elsewhere
        "test_a.py": """
            class TestIt:
                def test_it(self): assert 0
                test_it.is_hypothesis_test = True
        """
    }
    result = project(BASE | files).run(*AT_ONCE, *way)
    assert len(result.attempts) == 1
    (said,) = [line for line in result.said if line.startswith("failed: ")]
    assert said.endswith("not repeated: where Hypothesis keeps its first instance is not known")
