"""Checked by mypy, never run: the names of the API have their types where users import them."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

import pytest_nexus
from pytest_nexus import History, Plan, SavedPlan, Verdict, divide, load_plan, make_plan, save_plan

if TYPE_CHECKING:
    from pathlib import Path


def plans(history: History, plan: Plan) -> Verdict:
    """Plans have types."""
    made = make_plan([one.test for one in plan.tests], history.stats())
    assert_type(made, Plan)
    assert_type(divide(made, 3), Plan)
    document = save_plan(made, 3)
    assert_type(document, str)
    assert_type(load_plan(document), SavedPlan)
    return made.tests[0].verdict


def files(path: Path) -> None:
    """Histories and journals have types."""
    assert_type(pytest_nexus.read_history(path), History | None)
    assert_type(pytest_nexus.read_journal(path).attempts[0], pytest_nexus.Attempt)
