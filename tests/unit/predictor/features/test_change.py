"""How tests stand to a change, with values worked out by hand."""

from __future__ import annotations

from math import log

import pytest
from pytest_nexus.predictor.features.change import FAR, relate
from pytest_nexus.predictor.schema import UNKNOWN, FileChange, Moment, TestAtMoment, TestCode


def tests(*keys: str) -> list[TestAtMoment]:
    return [TestAtMoment(key, key, key.partition("::")[0], None, 0.1) for key in keys]


tests.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("test", "changed", "expected"),
    [
        ("src/pkg/test_x.py", "src/pkg/a.py", (0.0, 1.0)),
        ("src/pkg/tests/test_x.py", "src/pkg/a.py", (0.0, 1.0)),
        ("src/pkg/tests/unit/test_x.py", "src/pkg/a.py", (0.0, 0.0)),
        ("src/test_x.py", "src/pkg/a.py", (0.0, 0.0)),
        ("test_x.py", "a.py", (0.0, 1.0)),
        ("tests/test_x.py", "a.py", (0.0, 0.0)),
        ("src/pkg/test_x.py", "src/pkg/README.md", (0.0, 0.0)),
        ("src/pkg/test_x.py", "src/pkg/test_x.py", (1.0, 0.0)),
        ("src/pkg/test_x.py", "src/pkg/test_y.py", (0.0, 1.0)),
    ],
)
def test_place_is_the_own_file_or_a_source_beside_it(
    test: str, changed: str, expected: tuple[float, float]
) -> None:
    relation = relate(Moment(tests(f"{test}::t"), [FileChange(changed)]))
    assert relation.by_path[test][:2] == expected


def test_words_of_a_changed_path_weigh_more_where_fewer_tests_have_them() -> None:
    """Of two tests both name the price and one the tax: log 2 and log 3 of a total of log 6."""
    both, one = "t/test_price_tax.py", "t/test_price.py"
    files = [FileChange("shop/price_tax_door.py")]
    found = relate(Moment(tests(f"{both}::a", f"{one}::a"), files)).by_path
    assert found[both][2] == pytest.approx(1.0)
    assert found[one][2] == pytest.approx(log(2) / log(6))


def test_each_word_counts_for_the_path_that_it_means_most_to() -> None:
    """The second path says nothing but the price, so naming it names all of that path."""
    both, one = "t/test_price_tax.py", "t/test_price.py"
    files = [FileChange("shop/price_tax_door.py"), FileChange("price.py")]
    found = relate(Moment(tests(f"{both}::a", f"{one}::a"), files)).by_path
    assert (found[both][2], found[one][2]) == (1.0, 1.0)


def test_words_of_names_are_those_behind_the_file() -> None:
    keys = ("t/test_price.py::test_tax", "t/test_price.py::test_door")
    relation = relate(Moment(tests(*keys), [FileChange("shop/tax.py")]))
    assert [row[0] for row in relation.by_function.values()] == [1.0, 0.0]


PATH = "t/test_a.py"


def imports(code: TestCode | None, *files: FileChange) -> tuple[float, float]:
    codes = {} if code is None else {PATH: code}
    return relate(Moment(tests(f"{PATH}::t"), files, codes)).by_path[PATH][3:]


PRICE = FileChange("src/shop/price.py")
LINES = FileChange("src/shop/price.py", 1, {"total": 1})


@pytest.mark.parametrize(
    ("code", "file", "expected"),
    [
        (TestCode(("shop.price:total",)), PRICE, (1.0, UNKNOWN)),
        (TestCode(("price",)), PRICE, (1.0, UNKNOWN)),
        (TestCode(("src.shop.price",)), PRICE, (1.0, UNKNOWN)),
        (TestCode(("shop",)), PRICE, (FAR, UNKNOWN)),
        (TestCode(("shop",)), FileChange("src/shop/__init__.py"), (1.0, UNKNOWN)),
        (TestCode((), {}, {"src/shop/price.py": 3}), PRICE, (3.0, UNKNOWN)),
        (TestCode(("shop.price",), {}, {"src/shop/price.py": 3}), PRICE, (1.0, UNKNOWN)),
        (TestCode(("shop.price",), {}, {"src/shop/price.py": 0}), PRICE, (0.0, UNKNOWN)),
        (TestCode(("price",)), FileChange("src/shop/price.toml"), (FAR, UNKNOWN)),
        (TestCode(("shop.price:total", "os:path")), LINES, (1.0, 0.5)),
        (TestCode(("shop.price:total", "os")), LINES, (1.0, 1.0)),
        (TestCode(("shop.price",)), LINES, (1.0, 0.0)),
        (None, PRICE, (UNKNOWN, UNKNOWN)),
        (TestCode(("price",)), FileChange(PATH), (UNKNOWN, UNKNOWN)),
    ],
)
def test_imports_are_counted_to_the_nearest_changed_source(
    code: TestCode | None, file: FileChange, expected: tuple[float, float]
) -> None:
    assert imports(code, file) == expected


def test_the_nearest_of_several_changed_sources_counts() -> None:
    code = TestCode((), {}, {"src/shop/price.py": 4, "src/door.py": 2})
    assert imports(code, PRICE, FileChange("src/door.py"))[0] == 2.0


def test_likeness_by_code_by_name_by_sources_and_by_what_encloses_the_lines() -> None:
    """Two tests of one and two words: a word of the short one weighs 1 / 0.76 of the other's.

    BM25 adds 2.2 / (1 + 1.2 * (0.25 + 0.75 * length / mean)) for a word that occurs once: 2.2 / 1.9
    and 2.2 / 2.5 here. Each word is in one of the two tests, so all words weigh the same.
    """
    code = TestCode((), {"test_price": {"total": 1}, "test_door": {"door": 1, "shut": 1}})
    source = FileChange("src/x.py", 2, {"total": 1, "shut": 1}, {"shut": 1})
    own = FileChange(PATH, 1, {"test_door": 1}, {})
    moment = Moment(tests(f"{PATH}::test_price", f"{PATH}::test_door"), [source, own], {PATH: code})
    price, door = relate(moment).by_function.values()
    assert price == pytest.approx((0.0, 1 / 1.52, 0.0, 1.0, 0.0, 0.0))
    assert door == pytest.approx((0.0, 1.0, 1.0, 0.76, 1.0, 1.0))


def test_a_test_without_known_code_is_compared_by_its_name() -> None:
    source = FileChange("src/x.py", 1, {"door": 1})
    moment = Moment(tests(f"{PATH}::test_price", f"{PATH}::test_door"), [source])
    price, door = relate(moment).by_function.values()
    assert (price[1], door[1]) == (0.0, 1.0)


def test_only_lines_of_the_own_file_mention_a_test() -> None:
    other = FileChange("t/test_b.py", 1, {"test_door": 1})
    moment = Moment(tests(f"{PATH}::TestA::test_door", "t/test_b.py::TestA::test_door"), [other])
    first, second = relate(moment).by_function.values()
    assert (first[5], second[5]) == (0.0, 1.0)


def test_without_any_text_nothing_of_the_text_is_known() -> None:
    (found,) = relate(
        Moment(tests(f"{PATH}::test_price"), [FileChange("price.py")])
    ).by_function.values()
    assert found == (1.0, *[UNKNOWN] * 5)
