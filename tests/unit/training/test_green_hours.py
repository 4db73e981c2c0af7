from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pytest_nexus.training.green_hours import USUAL_S, expected_s, waiting_since


def version(last_run=None, **metrics):
    lineage = {} if last_run is None else {"last_run": last_run}
    return SimpleNamespace(lineage=json.dumps(lineage), metrics=json.dumps(metrics))


def history(failing, versions, starts):
    runs = [
        SimpleNamespace(run=SimpleNamespace(run_uid=uid, started_at=at))
        for uid, at in starts.items()
    ]
    return SimpleNamespace(
        failing_runs=lambda: failing,
        models=SimpleNamespace(versions=lambda: versions),
        runs=lambda: runs,
    )


STARTS = {"a": 10.0, "b": 20.0, "c": 30.0, "passed": 5.0}


@pytest.mark.parametrize(
    ("versions", "since"),
    [
        ([], 10.0),
        ([version("a")], 20.0),
        ([version("a"), version("b"), version()], 30.0),
        ([version("c")], None),
        ([version("pruned")], 10.0),
    ],
)
def test_the_oldest_failing_run_that_was_not_learned_from(versions, since):
    assert waiting_since(history(["a", "b", "c"], versions, STARTS)) == since


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [({"training_s": 12.5}, 12.5), ({}, USUAL_S), ({"training_s": "x"}, USUAL_S),
     ({"training_s": -1}, USUAL_S), ({"training_s": float("inf")}, USUAL_S)],
)  # fmt: skip
def test_the_newest_figure_counts(metrics, expected):
    assert expected_s([version(training_s=99.0), version(**metrics)]) in (expected, 99.0)
    assert expected_s([version(**metrics)]) == expected
