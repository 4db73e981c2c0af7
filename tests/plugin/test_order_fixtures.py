"""Ordering sets no fixture up more often, and lets none overlap."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

COUNTING = {
    "conftest.py": """
        import pathlib, pytest

        def count(name):
            with open(pathlib.Path(__file__).parent / "counts.txt", "a") as file:
                file.write(name + "\\n")

        @pytest.fixture(scope="session", params=["x", "y"])
        def backend(request):
            count(f"session {request.param}")
            return request.param

        @pytest.fixture(scope="package")
        def package(request):
            count("package " + request.node.nodeid)
    """,
    "test_module.py": """
        import pytest
        from conftest import count

        def setup_module(): count("setup_module")
        @pytest.fixture(scope="module", autouse=True)
        def auto(): count("autouse")
        @pytest.fixture(scope="module")
        def shared(): count("shared")

        def test_m1(shared): pass
        def test_m2(shared): assert 0
        def test_m3(): pass
    """,
    "test_class.py": """
        import unittest
        import pytest
        from conftest import count

        class TestPlain:
            @classmethod
            def setup_class(cls): count("setup_class")
            def test_k1(self): pass
            def test_k2(self): assert 0
            def test_k3(self): pass

        class Unit(unittest.TestCase):
            @classmethod
            def setUpClass(cls): count("setUpClass")
            def test_u1(self): pass
            def test_u2(self): assert 0

        @pytest.mark.parametrize("value", [1, 2])
        class TestParameters:
            @pytest.fixture(scope="class")
            def one(self): count("class fixture")
            def test_p1(self, one, value): pass
            def test_p2(self, one, value): assert value == 1
    """,
    "test_session_a.py": """
        def test_s1(backend): assert backend == "x"
        def test_s2(backend): pass
        def test_free(): pass
    """,
    "test_session_b.py": """
        def test_s3(backend): assert backend == "y"
        def test_s4(backend): pass
    """,
    "pkg/__init__.py": "",
    "pkg/test_p.py": """
        def test_q1(package): pass
        def test_q2(package): assert 0
    """,
    "pkg/test_r.py": """
        def test_r1(package): pass
        def test_r2(package): assert 0
    """,
    "other/__init__.py": "",
    "other/test_o.py": "def test_o1(package): assert 0\ndef test_o2(): assert 0\n",
    "pytest.ini": "[pytest]\npythonpath = .\n",
}


def test_fixtures_are_set_up_as_often_as_without_the_plugin(
    project: Callable[..., Project],
) -> None:
    made = project(COUNTING)
    counts = made.root / "counts.txt"

    def counted(**how: bool) -> tuple[Counter[str], list[str]]:
        counts.unlink(missing_ok=True)
        order = made.run(**how).order
        return Counter(counts.read_text().splitlines()), order

    bare, bare_order = counted(nexus=False)
    cold, cold_order = counted()
    learned, learned_order = counted()
    assert cold_order == bare_order
    assert learned_order != bare_order
    assert sorted(learned_order) == sorted(bare_order)
    assert bare == cold == learned


def test_module_fixture_is_left_before_another_module_begins(
    project: Callable[..., Project],
) -> None:
    module = """
        import pytest
        @pytest.fixture(scope="module", autouse=True)
        def exclusive():
            import builtins
            assert not getattr(builtins, "held", False)
            builtins.held = True
            yield
            builtins.held = False
        def test_1(): {}
        def test_2(): {}
    """
    made = project({f"test_{name}.py": module.format("pass", "raise OSError") for name in "abc"})
    first = made.run()
    second = made.run()
    assert second.order != first.order
    assert {one["nodeid"]: one["setup"][0] for one in second.attempts} == dict.fromkeys(
        first.order, "passed"
    )


FREE = "".join(f"def test_free_{n}(): pass\n" for n in range(18))
WIDE = {
    "class": """
        import time
        import pytest
        class TestSlow:
            @pytest.fixture(scope="class")
            def service(self): time.sleep(0.4)
            def test_calm(self, service): pass
            def test_likely(self, service): assert 0
    """,
    "module": """
        import time
        import pytest
        def setup_module(): time.sleep(0.4)
        def test_calm(): pass
        def test_likely(): assert 0
    """,
    "unittest": """
        import time
        import unittest
        class Slow(unittest.TestCase):
            @classmethod
            def setUpClass(cls): time.sleep(0.4)
            def test_calm(self): pass
            def test_likely(self): self.fail("no")
    """,
    "parameter": """
        import time
        import pytest
        @pytest.fixture(scope="session", params=["a", "b"])
        def backend(request): time.sleep(0.4 if request.param == "b" else 0)
        def test_likely(backend, request):
            assert request.node.callspec.params["backend"] == "a"
    """,
    "package": """
        import time
        import pytest
        @pytest.fixture(scope="package")
        def database(): time.sleep(0.4)
        def test_calm(database): pass
        def test_likely(database): assert 0
    """,
}


@pytest.mark.parametrize("scope", WIDE)
def test_a_failure_behind_a_shared_set_up_comes_before_tests_that_never_failed(
    project: Callable[..., Project], scope: str
) -> None:
    """Half a second of set-up once put it behind every quick test."""
    files = {"test_a.py": FREE, "pack/test_z.py": WIDE[scope], "pack/__init__.py": ""}
    made = project(files)
    for _ in range(3):
        made.run()
    (first, second) = made.run().names[:2]
    assert "test_likely" in first + second


def test_the_gain_is_that_over_a_real_run_in_the_order_of_collection(
    project: Callable[..., Project],
) -> None:
    """The first test of the module pays for it, whichever test that is."""
    slow = """
        import time
        def setup_module(): time.sleep(0.6)
        def test_calm(): pass
        def test_usual(): pass
    """
    files = {
        "test_a.py": slow,
        "test_b.py": "def test_likely(): assert 0\n",
        "test_c.py": slow,
        "test_d.py": "import time\ndef test_long(): time.sleep(0.2)\n",
    }
    made = project(files)
    for _ in range(2):
        made.run()
    learned = made.run("-x")
    assert learned.names == ["test_likely"]
    plain = made.run("-x", "--nexus-order=off")
    phases = [one[name] for one in plain.attempts for name in ("setup", "call", "teardown")]
    (said,) = re.findall(r"in collection order after ([0-9.]+) s", learned.stdout)
    assert float(said) == pytest.approx(sum(seconds for _, seconds in phases), abs=0.1)
