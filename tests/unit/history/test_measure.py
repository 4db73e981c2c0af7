from __future__ import annotations

from math import log

import pytest

from pytest_nexus.history.ingest import ingest_journal
from pytest_nexus.history.measure import measure
from pytest_nexus.history.sqlite.quality_table import Bin
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.encoding import raw_attempt
from pytest_nexus.journal.forecast_lines import forecast_lines
from pytest_nexus.journal.format import MISSED
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.foreseen import Foreseen, Prediction
from tests.support.builders import attempt, run

KEYS = ("a.py::w", "a.py::x", "a.py::y", "a.py::z")
"""In collection order; they run backwards, one second each, and `y` fails."""
P = (0.0005, 0.002, 0.5, 0.2)
PREDICTION = Prediction(
    "shipped",
    [
        Foreseen(key, p, 1.0 + at, *((3, 0.25) if key == "a.py::z" else ()))
        for at, (key, p) in enumerate(zip(KEYS, P, strict=True))
    ],
    {"rate_2": (0, 4)},
)


def raws(bad="a.py::y", order=KEYS[::-1]):
    return [
        raw_attempt(
            attempt(key, "failed" if key == bad else "passed", call_s=0.998, started_s=float(at))
        )
        for at, key in enumerate(order)
    ]


def test_the_order_in_which_tests_started_is_judged():
    found = measure(run(), raws(), PREDICTION)
    assert found is not None
    assert (found.n_tests, found.n_failed) == (4, 1)
    assert found.apfdc == pytest.approx(2.5 / 4)  # one second of four has passed, and half of y
    assert found.first_failure_s == pytest.approx(2.0)
    assert found.real_s == pytest.approx(4.0)
    assert found.expected_s == pytest.approx(10.0)


def test_simple_orders_are_judged_with_the_same_durations():
    found = measure(run(), raws(), PREDICTION)
    assert found is not None
    assert {name: round(seconds, 3) for name, (_, seconds) in found.orders.items()} == {
        "collection order": 3.0,
        "--ff, last failed first": 3.0,
        "most recent failure first": 4.0,
        "weighted failure rate": 4.0,
        "fastest first": 3.0,
    }


def test_probabilities_are_judged():
    found = measure(run(), raws(), PREDICTION)
    assert found is not None
    assert found.brier == pytest.approx((0.0005**2 + 0.002**2 + 0.5**2 + 0.2**2) / 4)
    losses = (log(1 - 0.0005), log(1 - 0.002), log(0.5), log(1 - 0.2))
    assert found.log_loss == pytest.approx(-sum(losses) / 4)
    assert found.bins[0] == Bin(1, 0.0005, 0)
    assert found.bins[6] == Bin(1, 0.5, 1)
    assert sum(each.n_tests for each in found.bins) == 4
    assert found.features == {"rate_2": (0, 4)}


def test_precision_and_recall_count_the_tests_that_ended_in_time():
    found = measure(run(), raws(), PREDICTION)
    assert found is not None
    assert found.budgets == ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.5, 1.0))


def test_a_run_without_failures_has_no_order_to_judge():
    found = measure(run(), raws(bad=""), PREDICTION)
    assert found is not None
    assert (found.apfdc, found.first_failure_s, found.orders, found.budgets) == (None, None, {}, ())
    assert found.brier > 0


def test_phases_that_did_not_run_take_no_time():
    key = KEYS[0]
    for missing in ({"setup": None}, {"call": None}, {"teardown": None}):
        one = attempt(key, call_s=2.0)._replace(**missing)
        found = measure(run(), [raw_attempt(one)], PREDICTION)
        assert found is not None
        assert found.real_s == pytest.approx(0.002 if "call" in missing else 2.001)


def test_a_certain_forecast_that_is_wrong_has_a_finite_loss():
    sure = [test._replace(p_fail=1.0) for test in PREDICTION.tests]
    found = measure(run(), raws(bad=""), PREDICTION._replace(tests=sure))
    assert found is not None
    assert found.log_loss == pytest.approx(-log(1e-6), rel=1e-3)


def test_reruns_skips_and_unforeseen_tests_do_not_count():
    more = [
        attempt("a.py::y", number=2), attempt("b.py::new", "failed"), attempt("a.py::s", "skipped")
    ]  # fmt: skip
    tests = [*PREDICTION.tests, Foreseen("a.py::s", 0.1, 1.0), Foreseen("a.py::never", 0.1, 1.0)]
    found = measure(run(), [*raws(), *map(raw_attempt, more)], PREDICTION._replace(tests=tests))
    assert found is not None
    assert (found.n_tests, found.n_failed, found.n_selected) == (4, 1, 6)
    assert measure(run(), map(raw_attempt, more[1:]), PREDICTION) is None


def test_tests_that_are_left_out_are_counted():
    left = [
        Foreseen("l.py::a", 0.1, 2.0, is_left=True),
        Foreseen("l.py::b", 0.1, 3.0, is_left=True),
    ]
    limited = run()._replace(selected_by=("nexus-reuse", f"{MISSED}a.py::y"))
    found = measure(limited, raws(), PREDICTION._replace(tests=[*PREDICTION.tests, *left]))
    assert found is not None
    assert (found.n_selected, found.n_left, found.n_missed, found.left_s) == (4, 2, 1, 5.0)


def journal(folder, bad="a.py::y", prediction: Prediction | None = PREDICTION, uid=1):
    writer = JournalWriter.create(folder, run(uid))
    writer.collection(4, 4)
    if prediction is not None:
        writer.plan(forecast_lines(prediction))
    for at, key in enumerate(KEYS[::-1]):
        outcome = "failed" if key == bad else "passed"
        writer.attempt(attempt(key, outcome, call_s=0.998, started_s=float(at)))
    writer.end(4.0, 1, complete=True)
    writer.close()
    return writer.path


def test_a_journal_with_forecasts_has_figures(tmp_path):
    with open_history(tmp_path / "h.sqlite3") as history:
        ingest_journal(history, journal(tmp_path / "journals"))
        ingest_journal(history, journal(tmp_path / "journals", prediction=None, uid=2))
        (found,) = history.quality.read()
    expected = measure(run(), raws(), PREDICTION)
    assert found.run_uid == f"{1:032x}"
    assert found.quality == expected


def test_features_that_nexus_does_not_have_do_not_spoil_the_history(tmp_path):
    long = {f"{n:064}": (10**9,) * 64 for n in range(64)}
    with open_history(tmp_path / "h.sqlite3") as history:
        folder = tmp_path / "journals"
        ingest_journal(history, journal(folder, prediction=PREDICTION._replace(features=long)))
        (found,) = history.quality.read()
        assert found.quality.features == {}
        assert history.check() == []
