from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.run.fixture_scopes import position_marker, shared_scopes

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Marker

SOURCE = """
import unittest
import pytest

@pytest.fixture(scope="module")
def wide(): pass
@pytest.fixture(scope="class")
def of_class(): pass
@pytest.fixture(scope="session")
def for_all(): pass
@pytest.fixture(scope="session", params=["x", "y"])
def backend(request): pass
@pytest.fixture
def narrow(wide): pass

def test_free(): pass
def test_session(for_all): pass
def test_module(wide): pass
def test_indirect(narrow): pass
def test_backend(backend): pass
@pytest.mark.parametrize("a", [1])
def test_parameter(a): pass
class TestFree:
    def test_in_class(self): pass
class TestBound:
    def test_bound(self, of_class): pass
class TestSetUp:
    def setup_class(cls): pass
    def test_set_up(self): pass
class Unit(unittest.TestCase):
    @classmethod
    def setUpClass(cls): pass
    def test_unit(self): pass
@pytest.mark.order(1)
def test_ordered(): pass
@pytest.mark.dependency
class TestMarked:
    def test_marked(self): pass
"""
FILE = "module:test_it.py"
SCOPES: dict[str, tuple[str, ...]] = {
    "test_free": (),
    "test_session": (),
    "test_module": (FILE,),
    "test_indirect": (FILE,),
    "test_backend[x]": ("param:session:backend:0",),
    "test_backend[y]": ("param:session:backend:1",),
    "test_parameter[1]": (),
    "test_in_class": (),
    "test_bound": ("class:test_it.py::TestBound",),
    "test_set_up": ("class:test_it.py::TestSetUp",),
    "test_unit": ("class:test_it.py::Unit",),
}
MARKERS: dict[str, Marker | None] = {
    "test_free": None,
    "test_ordered": "order",
    "test_marked": "dependency",
    "test_parameter[1]": None,
}


@pytest.fixture
def items(pytester: pytest.Pytester) -> dict[str, pytest.Item]:
    pytester.makepyfile(test_it=SOURCE)
    pytester.makeini("[pytest]\nmarkers =\n    order\n    dependency\n")
    found, _ = pytester.inline_genitems()
    return {item.name: item for item in found}


def test_scopes_are_those_of_the_fixtures_a_test_uses(items: dict[str, pytest.Item]) -> None:
    assert {name: shared_scopes(items[name]) for name in SCOPES} == SCOPES


def test_marks_fix_the_place_also_from_the_class(items: dict[str, pytest.Item]) -> None:
    assert {name: position_marker(items[name]) for name in MARKERS} == MARKERS


def test_doctest_is_free_and_item_of_another_kind_is_a_step_of_its_file(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        import pytest
        class Step(pytest.Item):
            def runtest(self): pass
        class Steps(pytest.File):
            def collect(self): yield Step.from_parent(self, name="step")
        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".steps":
                return Steps.from_parent(parent, path=file_path)
        """
    )
    (pytester.path / "a.steps").write_text("")
    (pytester.path / "a.txt").write_text(">>> 1\n1\n")
    doctest, step = sorted(
        pytester.inline_genitems("--doctest-glob=*.txt")[0], key=lambda item: item.name
    )
    assert (shared_scopes(doctest), position_marker(doctest)) == ((), None)
    assert (shared_scopes(step), position_marker(step)) == (("module:a.steps",), "dependency")


def test_package_fixture_ties_the_files_of_its_package(pytester: pytest.Pytester) -> None:
    package = pytester.mkpydir("pkg")
    (package / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='package')\ndef db(): pass\n"
    )
    for name in ("test_a", "test_b"):
        (package / f"{name}.py").write_text("def test_x(db): pass\n")
    found, _ = pytester.inline_genitems()
    assert [shared_scopes(item) for item in found] == [("package:pkg",)] * 2
