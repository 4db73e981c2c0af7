"""The key of a test is the same wherever and whenever the test is the same."""

from __future__ import annotations

import pytest

from pytest_nexus.domain.identity import (
    MAX_KEY_CHARS,
    function_of_key,
    identify,
    key_of_nodeid,
    stable_path,
)


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester) -> None:
    # At the end of each configuration that plugin collects garbage five times, for half a second.
    pytester.makeini("[pytest]\naddopts = -p no:unraisableexception\n")


def identities(pytester: pytest.Pytester, source: str):
    return [identify(item) for item in pytester.getitems(source)]


def test_a_plain_test_is_its_own_function(pytester):
    (plain,) = identities(pytester, "def test_a(): pass")
    assert plain.key == plain.function_key
    assert plain.key.endswith(".py::test_a")


def test_classes_are_part_of_the_key(pytester):
    (nested,) = identities(
        pytester,
        "class TestA:\n  class TestB:\n    def test_x(self): pass",
    )
    assert nested.key.endswith(".py::TestA::TestB::test_x")


def test_parameters_share_a_function(pytester):
    both = identities(
        pytester,
        "import pytest\n@pytest.mark.parametrize('a', [1, 2])\ndef test_a(a): pass",
    )
    assert {one.function_key.partition("::")[2] for one in both} == {"test_a"}
    assert [one.key.partition("::")[2] for one in both] == ["test_a[1]", "test_a[2]"]


def test_addresses_in_parameters_are_masked(pytester):
    (one,) = identities(
        pytester,
        "import pytest\n@pytest.mark.parametrize('a', [1], ids=['<object at 0x7f12ab34cd56>'])\n"
        "def test_a(a): pass",
    )
    assert one.key.endswith("test_a[<object at 0x>]")


def test_hostile_parameters_do_not_confuse_the_function(pytester):
    source = """
import pytest
@pytest.mark.parametrize("a", ["b::c", "[", "]", "x[y]z", "a/b", "a@b", "with space", "\\\\"])
def test_a(a): pass
"""
    found = identities(pytester, source)
    assert {one.function_key.rpartition("/")[2].partition("::")[2] for one in found} == {"test_a"}
    assert len({one.key for one in found}) == 8


LONG = """
import pytest
@pytest.mark.parametrize(("n", "o"), [(1, "x" * 300), (2, "y" * 300)])
def test_a(n, o): pass
@pytest.mark.parametrize(("n", "o"), [(2, "y" * 300), (1, "x" * 300)])
def test_b(n, o): pass
"""


def parameters(identity) -> str:
    return identity.key.partition("[")[2]


def test_a_long_parameter_keeps_its_key_when_siblings_move(pytester):
    first, second, second_moved, first_moved = identities(pytester, LONG)
    assert parameters(first) == parameters(first_moved)
    assert parameters(second) == parameters(second_moved)
    assert first.key != second.key


@pytest.mark.skipif(pytest.version_tuple < (9, 2), reason="wrote the whole text until 9.1")
def test_a_long_parameter_has_one_key_in_all_versions_of_pytest(pytester):
    now = identities(pytester, LONG)
    pytester.makeini("[pytest]\nparametrize_long_str_id_strategy = legacy")
    before = identities(pytester, LONG)
    assert [one.key for one in now] == [one.key for one in before]
    assert len(now[0].key) < 200


def test_a_key_is_bounded_and_still_distinct(pytester):
    source = (
        "import pytest\n@pytest.mark.parametrize('a', [1, 2], ids=['x' * 9000 + '1', 'x' * 9000])\n"
        "def test_a(a): pass"
    )
    one, other = identities(pytester, source)
    assert one.key != other.key
    assert len(one.key) == len(other.key) == MAX_KEY_CHARS
    assert function_of_key(one.key) == one.function_key


def test_unittest_and_doctest_items_have_keys(pytester):
    pytester.makepyfile(
        test_u="import unittest\nclass T(unittest.TestCase):\n  def test_x(self): pass",
        mod='"""\n>>> 1\n1\n"""',
    )
    items, _ = pytester.inline_genitems("--doctest-modules")
    keys = sorted(identify(item).key for item in items)
    assert keys == ["mod.py::mod", "test_u.py::T::test_x"]


def test_a_custom_item_is_its_own_function(pytester):
    pytester.makeconftest(
        """
import pytest
class Item(pytest.Item):
    def runtest(self): pass
class File(pytest.File):
    def collect(self): yield Item.from_parent(self, name="case[1]::x")
def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".yaml":
        return File.from_parent(parent, path=file_path)
"""
    )
    (pytester.path / "cases.yaml").write_text("")
    (item,), _ = pytester.inline_genitems()
    assert identify(item).key == identify(item).function_key == "cases.yaml::case[1]::x"


def test_the_way_to_site_packages_is_dropped():
    path = "../venv/lib/python3.12/site-packages/networkx/tests/test_all.py"
    assert stable_path(path) == "networkx/tests/test_all.py"
    assert key_of_nodeid(f"{path}::test_x") == "networkx/tests/test_all.py::test_x"


@pytest.mark.parametrize(
    ("key", "function"),
    [
        ("tests/test_a.py::test_x[b::c]", "tests/test_a.py::test_x"),
        ("tests/test_a.py::TestA::test_x", "tests/test_a.py::TestA::test_x"),
        ("tests/[x]/test_a.py::test_x[[1]]", "tests/[x]/test_a.py::test_x"),
        ("no separator[1]", "no separator[1]"),
    ],
)
def test_function_of_a_bare_key(key, function):
    assert function_of_key(key) == function


@pytest.mark.parametrize("key", ["b::[a]b", "b::[", "a.py::##[x]y", "::["])
def test_function_of_a_short_odd_key_is_the_key(key: str) -> None:
    assert function_of_key(key) == key
