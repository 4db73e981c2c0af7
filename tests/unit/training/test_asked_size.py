"""A size of trees is read or refused with what may be given."""

from __future__ import annotations

import pytest

from pytest_nexus.training.asked_size import asked_size


@pytest.mark.parametrize(("text", "size"), [("1x2", (1, 2)), ("64x64", (64, 64)), ("08x4", (8, 4))])
def test_a_size_is_read(text: str, size: tuple[int, int]) -> None:
    assert asked_size(text) == size


def test_auto_is_no_size() -> None:
    assert asked_size("auto") is None


REFUSED = (
    *("0x5", "many", "", "8", "8x", "x8", "8x1", "65x8", "8x65", "-1x8", "8x8x8", "8X8"),
    *("٣x٨", "8x8\n"),
)


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_with_what_may_be_given(text: str) -> None:
    with pytest.raises(ValueError, match="auto, or TREESxLEAVES such as 4x8 with 1 to 64 trees"):
        asked_size(text)
