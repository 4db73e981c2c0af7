from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.plan.delivery.change_history import PastChange
from pytest_nexus.plan.foreseen import Foreseen
from pytest_nexus.plan.selection.change_risk import Calibration
from pytest_nexus.report.ci.run_risk import run_risk
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.formats.json_document import as_json
from pytest_nexus.report.formats.markdown import markdown
from tests.support.builders import attempt, changed
from tests.support.sessions import session

PLAIN = Calibration(1.0, 0.0, 40, 20, 0.1, 0.2)
"""Expected failures of 1 have a probability of one half."""


def forecasts(**p_fail: float) -> list[Foreseen]:
    return [Foreseen(f"a.py::{name}", p, 1.0) for name, p in p_fail.items()]


def test_the_shards_of_a_job_are_one_risk() -> None:
    first = session(uid=1, job="test 1/2", forecasts=forecasts(x=0.25, y=0.5))
    second = session(uid=2, job="test 2/2", forecasts=forecasts(z=0.25))
    found = run_risk([first, second], PLAIN)
    assert found is not None
    assert found.probability == pytest.approx(0.5)
    assert [key for key, _ in found.likeliest] == ["a.py::y", "a.py::x", "a.py::z"]


def test_the_jobs_of_a_matrix_are_not_added_up() -> None:
    jobs = [session(uid=uid, job=name, forecasts=forecasts(x=1.0)) for uid, name in enumerate("ab")]
    found = run_risk(jobs, PLAIN)
    assert found is not None
    assert found.probability == pytest.approx(0.5)


def test_without_forecasts_or_calibration_there_is_no_risk() -> None:
    assert run_risk([session(attempt())], PLAIN) is None
    assert run_risk([session(forecasts=forecasts(x=0.5))], None) is None
    assert run_risk([], PLAIN) is None


def test_the_summary_says_it_and_shows_hostile_names_as_text() -> None:
    hostile = [Foreseen("a.py::x[<script>`|]", 0.5, 1.0), *forecasts(y=0.5)]
    one = session(attempt(), forecasts=hostile)
    summary = summarise([one], [], Known(calibration=PLAIN))
    text = markdown(summary, lambda _: None)
    assert "a failing test had a probability of 50 %" in text
    assert "<script>" not in text
    assert as_json(summary)["risk"]["probability"] == pytest.approx(0.5)


def test_a_summary_without_a_risk_says_nothing() -> None:
    summary = summarise([session(attempt())], [], Known())
    assert "Before the run" not in markdown(summary, lambda _: None)
    assert as_json(summary)["risk"] is None


def test_the_summary_says_what_became_of_changes_like_this_one() -> None:
    one = session(attempt())
    changed_run = one.run._replace(change=changed("src/[a]<b>.py"))
    past = [PastChange(f"{at}", ("src/[a]<b>.py",), 3, "reverted" * (at > 17)) for at in range(20)]
    summary = summarise([replace(one, run=changed_run)], [], Known(past_changes=past))
    text = markdown(summary, lambda _: None)
    assert "After the tests, a change like this one is taken back or fails" in text
    assert "2 of the last 5 changes of this file were taken back" in text
    assert "<b>" not in text
    assert as_json(summary)["outlook"]["n_bad"] == 2
    assert as_json(summarise([one], [], Known(past_changes=past)))["outlook"] is None
