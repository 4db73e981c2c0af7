from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.validation import (
    WRONG,
    array,
    explain,
    finite,
    integer,
    number,
    refuse_constant,
    text,
    texts,
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def _accepts(check, *arguments):
    try:
        check(*arguments)
    except WRONG:
        return False
    return True


@given(_json)
def test_a_value_passes_at_most_the_checks_of_its_type(value):
    assert _accepts(text, value, 10) is (type(value) is str and len(value) <= 10)
    assert _accepts(array, value, 3) is (type(value) is list and len(value) <= 3)
    assert _accepts(integer, value) is (type(value) is int and 0 <= value <= 2**53)
    is_finite = type(value) is int or (type(value) is float and abs(value) < float("inf"))
    assert _accepts(finite, value) is is_finite
    assert _accepts(number, value, 1.0) is is_finite


@pytest.mark.parametrize("value", [True, None, "1", [1], float("nan"), float("inf")])
def test_what_is_no_number_is_named(value):
    with pytest.raises(ValueError, match="a finite number is expected, got ") as caught:
        number(value, 5.0)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("value", "clamped"), [(-(10**400), 0), (10**400, 5), (1e308, 5), (3, 3)])
def test_a_number_beyond_the_bounds_is_clamped(value, clamped):
    assert number(value, 5.0) == clamped


def test_each_text_of_a_list_is_checked():
    assert texts(["a", "b"], 2, 1) == ("a", "b")
    for value in (["a", "b", "c"], ["ab"], ["a", 1], "ab", {"a": 1}):
        with pytest.raises(ValueError, match="is expected, got"):
            texts(value, 2, 1)


def test_a_refusal_names_bounds_and_the_begin_of_a_long_value():
    with pytest.raises(ValueError, match=r"from 1 to 5 is expected, got 7$"):
        integer(7, 1, 5)
    with pytest.raises(ValueError, match=r"at most 3 characters is expected, got 'x{49}$"):
        text("x" * 1000, 3)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_refused(name):
    with pytest.raises(ValueError, match=f"^{name} is not a finite number"):
        json.loads(f"[{name}]", parse_constant=refuse_constant)


def test_a_missing_field_is_named():
    with pytest.raises(KeyError) as caught:
        {}["shards"]
    assert explain(caught.value) == "'shards' is missing"
    assert explain(ValueError("x")) == "x"
