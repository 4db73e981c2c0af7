from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.plan.selection.modes import Budget, Mode, parse_mode

SELECT = next(option for option in OPTIONS if option.name == "nexus_select")


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("off", Mode()),
        ("affected", Mode(affected=True)),
        ("confidence:99%", Mode(confidence=0.99)),
        ("affected,confidence:99.5%", Mode(affected=True, confidence=0.995)),
        ("confidence:95%, affected", Mode(affected=True, confidence=0.95)),
        ("budget:5m", Mode(budget=Budget(300.0, is_share=False))),
        ("budget:90s", Mode(budget=Budget(90.0, is_share=False))),
        ("budget:0.5h", Mode(budget=Budget(1800.0, is_share=False))),
        ("budget:30%", Mode(budget=Budget(0.3, is_share=True))),
        ("confidence:90%,budget:100%", Mode(confidence=0.9, budget=Budget(1.0, is_share=True))),
    ],
)
def test_a_mode_is_read(text: str, mode: Mode) -> None:
    assert SELECT.parsed(text) == text
    assert parse_mode(text) == mode


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "on", "off,affected", "affected,affected", "confidence", "confidence:", "Affected",
        "confidence:100%", "confidence:0%", "confidence:49%", "confidence:99", "confidence:0.99",
        "confidence:99%,confidence:95%", "confidence:99%,", "budget:5", "budget:-5m", "budget:5m%",
        "budget:101%", "budget:inf", "budget:1e3s", "budget:5m,budget:30%", "affected:99%",
        "confidence:99%\nbudget:5m", "confidence:9\uff19%",
    ],
)  # fmt: skip
def test_other_texts_are_refused_by_one_rule(text: str) -> None:
    assert SELECT.parsed(text) is None


@given(st.from_regex(SELECT.pattern, fullmatch=True).filter(lambda text: text != "auto"))
def test_whatever_the_option_accepts_can_be_read(text: str) -> None:
    mode = parse_mode(text)
    assert mode.confidence is None or 0.5 <= mode.confidence < 1.0
    assert mode.budget is None or mode.budget.amount >= 0.0
    if mode.predicts:
        shown = parse_mode(mode.words)
        assert shown.confidence == mode.confidence
        assert (shown.budget is None) == (mode.budget is None)


def test_a_mode_is_shown_as_a_user_writes_it() -> None:
    assert (
        parse_mode("affected,confidence:99.50%,budget:300s").words == "confidence:99.5%,budget:5m"
    )
    assert parse_mode("budget:1.5h").words == "budget:90m"
    assert parse_mode("budget:0s").words == "budget:0s"


def test_a_share_is_one_of_the_seconds_of_all_tests() -> None:
    assert Budget(0.3, is_share=True).seconds_of(200.0) == 60.0
    assert Budget(0.3, is_share=False).seconds_of(200.0) == 0.3
