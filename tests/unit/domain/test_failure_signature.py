from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain import failure_signature
from pytest_nexus.domain.failure_signature import MAX_FIELD_CHARS, MAX_MESSAGE_CHARS, failure, mask

RECORDED = "ValueError: bad <Row at 0x7f0011223344> in 3.5 s"
REPEATED = "ValueError: bad <Row at 0x7f9988776655> in 12 s"


def test_doctests_hold() -> None:
    assert doctest.testmod(failure_signature).failed == 0


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("", ""),
        ("\n  \nsecond line", "second line"),
        ("first\nsecond", "first"),
        ("took -1.5e-07 s, 17 times", "took # s, # times"),
        ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 gone", "id # gone"),
        ("at 0x7F12AB34cd56", "at #"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit #"),
        ('open "a b" or `c`', "open '*' or '*'"),
        ("can't find 'x'", "can't find '*'"),
        ("127.0.0.1:8080 refused", "# refused"),
        ("assert {'a', 'b'} == {'a'}", "assert {'*'} == {'*'}"),
        ("\x1b[1m\x1b[31mred\x1b[0m\ttab\x00nul", "red tab nul"),
        ("facade decade", "facade decade"),
    ],
)
def test_mask_keeps_what_is_the_same_every_time(message: str, masked: str) -> None:
    assert mask(message) == masked


@given(st.text())
def test_mask_is_bounded_one_line_encodable_and_idempotent(message: str) -> None:
    masked = mask(message)
    assert len(masked) <= MAX_MESSAGE_CHARS
    assert masked.splitlines() in ([], [masked])
    masked.encode()
    assert mask(masked) == masked


@given(st.text(alphabet="'\"`#,1a* -0x.:_e\u0660", max_size=300))
def test_mask_is_idempotent_on_nested_quotes_and_numbers(message: str) -> None:
    assert mask(mask(message)) == mask(message)


@pytest.mark.parametrize("piece", ["'", "a'", "1:", "#, ", "'x', ", "f", "0x", " "])
def test_mask_looks_at_the_beginning_of_a_huge_line_only(piece: str) -> None:
    huge = piece * 2_000_000
    assert mask(huge) == mask(huge[:8_000] + "KeyError")


def test_same_cause_on_another_day_has_the_same_signature() -> None:
    first = failure("call", "ValueError", "src/a.py::f", RECORDED)
    second = failure("call", "ValueError", "src/a.py::f", REPEATED)
    assert first.signature == second.signature


def test_message_with_and_without_its_type_is_one_failure() -> None:
    assert failure("call", "KeyError", "", "KeyError: x") == failure("call", "KeyError", "", "x")


def test_phase_is_no_part_of_the_signature() -> None:
    assert (
        failure("setup", "OSError", "", "x").signature
        == failure("call", "OSError", "", "x").signature
    )


@pytest.mark.parametrize(
    ("exception", "where", "message"),
    [("B", "w", "m"), ("E", "v", "m"), ("E", "w", "n"), ("Ew", "", "m")],
)
def test_another_type_place_or_message_is_another_signature(
    exception: str, where: str, message: str
) -> None:
    assert (
        failure("call", "E", "w", "m").signature
        != failure("call", exception, where, message).signature
    )


def test_windows_and_site_packages_paths_name_the_same_place() -> None:
    here = failure("call", "E", "C:\\v\\Lib\\site-packages\\pkg\\a.py::f", "m")
    assert here.where == "pkg/a.py::f"


@given(st.text(), st.text(), st.text())
def test_every_field_is_bounded_and_encodable(exception: str, where: str, message: str) -> None:
    made = failure("call", exception * 50, where * 50, message)
    assert max(len(made.exception), len(made.where)) <= MAX_FIELD_CHARS
    (made.exception + made.where + made.message).encode()
    assert len(made.signature) == 16
    assert set(made.signature) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KeyError", ("KeyError", "")),
        ("KeyError: 'a'", ("KeyError", "'a'")),
        ("a.b.MyError:\nlong", ("a.b.MyError", "long")),
        ("Failed: DID NOT RAISE", ("Failed", "DID NOT RAISE")),
        ("assertion went wrong", ("", "assertion went wrong")),
        ("http://x: refused", ("", "http://x: refused")),
        ("", ("", "")),
    ],
)
def test_exception_type_is_read_from_the_message(text: str, expected: tuple[str, str]) -> None:
    assert failure_signature.split_exception(text) == expected
