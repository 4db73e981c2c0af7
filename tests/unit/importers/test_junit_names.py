from __future__ import annotations

import doctest

import pytest

from pytest_nexus.importers import junit_names
from pytest_nexus.importers.junit_names import nodeid_of


def test_doctests_hold() -> None:
    assert doctest.testmod(junit_names).failed == 0


@pytest.mark.parametrize(
    ("classname", "file", "nodeid"),
    [
        ("tests.unit.test_a", "tests/unit/test_a.py", "tests/unit/test_a.py::t"),
        ("tests.test_a.TestX.TestIn", "tests/test_a.py", "tests/test_a.py::TestX::TestIn::t"),
        ("tests.test_a.TestX", "tests\\test_a.py", "tests/test_a.py::TestX::t"),
        ("prefix.tests.checks.test_x", "tests/checks.py", "tests/checks.py::test_x::t"),
        ("docs.usage.rst", "docs/usage.rst", "docs/usage.rst::t"),
        ("tests.test_a.TestX", "tests/base.py", "tests/test_a.py::TestX::t"),
    ],
)
def test_file_attribute_ends_the_module(classname: str, file: str, nodeid: str) -> None:
    assert nodeid_of(classname, "t", file) == nodeid


@pytest.mark.parametrize(
    ("classname", "nodeid"),
    [
        ("tests.unit.test_a", "tests/unit/test_a.py::t"),
        ("tests.unit.test_a.TestX", "tests/unit/test_a.py::TestX::t"),
        ("pkg.a_test.Cases", "pkg/a_test.py::Cases::t"),
        ("Unit.test_a", "Unit/test_a.py::t"),
        ("test_pkg.test_a", "test_pkg/test_a.py::t"),
        ("app.tests.ModelTests", "app/tests.py::ModelTests::t"),
        ("app.checks", "app/checks.py::t"),
        ("CartTest", "CartTest::t"),
        ("", "t"),
    ],
)
def test_without_file_the_convention_ends_the_module(classname: str, nodeid: str) -> None:
    assert nodeid_of(classname, "t", "") == nodeid
