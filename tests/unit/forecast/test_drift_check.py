"""What drifts in a history, since when, and what to do."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.document import version

from pytest_nexus.cli.main import main
from pytest_nexus.forecast import drift_check, forecaster
from pytest_nexus.forecast.drift_check import RETRAIN, ROLL_BACK, DriftReport, drift_of
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.sqlite.quality_table import Bin, RunQuality
from pytest_nexus.history.store import open_history
from pytest_nexus.report.ci.model_line import model_line
from pytest_nexus.training.trigger import due_of
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY_S = 86_400.0
N_RUNS = 150
TRAINED_AFTER = 110
BAD = attempt(outcome="failed", failure=failure())


def figures(random: Random, number: int) -> RunQuality:
    """A run of a suite that does not change; every other run has a failure."""
    is_bad = number % 2 == 0
    features = {
        "rate_2": tuple(int(random.gauss(mean, 5)) for mean in (0, 900, 60, 40)),
        "similarity": tuple(int(random.gauss(mean, 5)) for mean in (100, 700, 200)),
        "runs": (0,) * (number // 10) + (1000,),
    }
    return RunQuality(
        model="shipped",
        n_tests=1000,
        n_failed=int(is_bad),
        apfdc=random.gauss(0.9, 0.02) if is_bad else None,
        first_failure_s=2.0 if is_bad else None,
        brier=random.gauss(0.01, 0.001),
        log_loss=0.05,
        expected_s=9.0,
        real_s=9.0,
        bins=(Bin(1000, 1.0, int(is_bad)),),
        features={name: tuple(map(abs, counts)) for name, counts in features.items()},
    )


Change = "Callable[[RunQuality], RunQuality]"


def same(quality: RunQuality) -> RunQuality:
    return quality


def with_feature(name: str, counts: tuple[int, ...]) -> Callable[[RunQuality], RunQuality]:
    return lambda quality: quality._replace(features={**quality.features, name: counts})


def fill(
    path: Path,
    change: Callable[[RunQuality], RunQuality] = same,
    *,
    since: int = 130,
    is_own: bool = True,
    deployed_on: int = TRAINED_AFTER,
) -> Path:
    """A history whose figures change from a run on; its model learned from the runs up to 110."""
    random = Random(7)
    with open_history(path) as history:
        for number in range(1, N_RUNS + 1):
            quality = figures(random, number)
            quality = change(quality) if number >= since else quality
            attempts = [BAD] if quality.n_failed else [attempt()]
            ingest_run(history, run(number, DAY_S * number), attempts, quality=quality)
        if is_own:
            document = forecaster.prior()
            name = version(document)
            lineage = json.dumps({"last_run": f"{TRAINED_AFTER:032x}"})
            history.models.add(Version(name, None, DAY_S * deployed_on, document, lineage, "{}"))
            history.models.set_alias("champion", name, DAY_S * deployed_on)
    return path


def check(path: Path, recent: int = 20) -> DriftReport:
    with open_history(path) as history:
        return drift_of(history, recent)


@pytest.mark.parametrize("is_own", [True, False])
def test_a_suite_that_does_not_change_does_not_drift(tmp_path: Path, is_own: bool) -> None:
    found = check(fill(tmp_path / "h.sqlite3", is_own=is_own))
    assert (found.findings, found.advice, found.note, found.line) == ((), "", "", "")
    assert (found.n_reference, found.n_recent) == (100, 20)
    assert dict(row[:2] for row in found.features)["runs"] > 1, "it grows, and is no news"


def test_a_feature_that_shifts_is_named_with_its_first_group_of_runs(tmp_path: Path) -> None:
    shifted = with_feature("rate_2", (0, 500, 100, 100, 300))
    found = check(fill(tmp_path / "h.sqlite3", shifted, since=131))
    (finding,) = found.findings
    assert (finding.subject, finding.measure) == ("rate_2", "PSI")
    assert finding.since == DAY_S * 131
    assert found.advice == RETRAIN
    assert found.line == "the model drifts (rate_2); see `nexus model check`"
    cells = [cell.psi for cell in found.cells if cell.feature == "rate_2"]
    assert [cell is not None and cell > 0.25 for cell in cells] == [False, False, True, True]


def test_ages_of_failures_grow_with_a_young_history_and_are_no_news(tmp_path: Path) -> None:
    older = with_feature("since_failure", (0, 0, 0, 1000))

    def younger(quality: RunQuality) -> RunQuality:
        return quality._replace(features={**quality.features, "since_failure": (0, 1000, 0, 0)})

    path = fill(tmp_path / "h.sqlite3", younger, since=1)
    with open_history(path) as history:
        runs = history.quality.read()
        changed = [
            *runs[:-20],
            *(each._replace(quality=older(each.quality)) for each in runs[-20:]),
        ]
        assert not drift_check.check(changed, history.models).is_drifting
        old = [*runs[:60], *changed]
        findings = drift_check.check(old, history.models).findings
    assert [each.subject for each in findings] == ["since_failure"]


def test_values_that_are_suddenly_missing_are_named(tmp_path: Path) -> None:
    found = check(fill(tmp_path / "h.sqlite3", with_feature("similarity", (300, 550, 150))))
    assert "missing values" in {each.measure for each in found.findings}
    assert {each.subject for each in found.findings} == {"similarity"}


def test_more_failures_are_a_drift(tmp_path: Path) -> None:
    found = check(fill(tmp_path / "h.sqlite3", lambda quality: quality._replace(n_failed=5)))
    assert [each.subject for each in found.findings] == ["failure rate"]
    assert "fail in a run" in found.findings[0].sentence


@pytest.mark.parametrize(("deployed_on", "advice"), [(120, ROLL_BACK), (140, RETRAIN)])
def test_a_fall_of_quality_after_a_deployment_asks_for_a_roll_back(
    tmp_path: Path, deployed_on: int, advice: str
) -> None:
    def worse(quality: RunQuality) -> RunQuality:
        return quality._replace(apfdc=quality.apfdc and quality.apfdc - 0.06)

    found = check(fill(tmp_path / "h.sqlite3", worse, deployed_on=deployed_on))
    (finding,) = found.findings
    assert (finding.subject, finding.measure) == ("APFDc", "Page-Hinkley")
    assert DAY_S * 126 <= finding.since <= DAY_S * 132
    assert found.advice == advice


def test_probabilities_that_fit_less_are_a_drift(tmp_path: Path) -> None:
    found = check(fill(tmp_path / "h.sqlite3", lambda each: each._replace(brier=each.brier * 1.3)))
    assert [each.subject for each in found.findings] == ["Brier score"]


def test_better_figures_are_no_drift(tmp_path: Path) -> None:
    def better(quality: RunQuality) -> RunQuality:
        return quality._replace(brier=0.001, apfdc=quality.apfdc and 0.99)

    assert not check(fill(tmp_path / "h.sqlite3", better)).is_drifting


def test_too_few_runs_are_said(tmp_path: Path) -> None:
    with open_history(tmp_path / "h.sqlite3") as history:
        random = Random(1)
        for number in range(1, 13):
            quality = figures(random, number)
            ingest_run(history, run(number, DAY_S * number), [attempt()], quality=quality)
        found = drift_of(history)
    assert "10 are needed" in found.note
    assert not found.is_drifting


def test_runs_of_a_part_of_the_suite_and_mass_failures_are_not_compared(tmp_path: Path) -> None:
    path = fill(tmp_path / "h.sqlite3")
    odd = with_feature("rate_2", (0, 0, 0, 0, 1000))(figures(Random(1), 2))
    with open_history(path) as history:
        for number in range(N_RUNS + 1, N_RUNS + 20):
            part = run(number, DAY_S * number)._replace(selected_by=("-k",))
            ingest_run(history, part, [attempt()], quality=odd)
        for number in range(N_RUNS + 20, N_RUNS + 40):
            many = [attempt(f"a.py::t{n}", "failed", failure=failure()) for n in range(30)]
            ingest_run(history, run(number, DAY_S * number), many, quality=odd)
        assert not drift_of(history).is_drifting


def test_drift_makes_a_training_due_if_there_is_something_to_learn(tmp_path: Path) -> None:
    shifted = with_feature("rate_2", (0, 500, 100, 100, 300))

    def only_passes(quality: RunQuality) -> RunQuality:
        return shifted(quality)._replace(n_failed=0, apfdc=None, first_failure_s=None)

    with open_history(fill(tmp_path / "quiet.sqlite3", only_passes, since=111)) as history:
        assert not due_of(history).is_due, "no run with a failure is new"
        ingest_run(history, run(999, DAY_S * 151), [BAD])
        found = due_of(history)
        assert found.is_due
        assert (
            found.reason == "1 new run with a failure, and the model drifts: rate_2, failure rate"
        )
        assert "; the model drifts (rate_2, failure rate)" in model_line(history)


def test_the_command_says_it_and_has_a_status_for_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shifted = with_feature("rate_2", (0, 500, 100, 100, 300))
    paths = [fill(tmp_path / "calm.sqlite3"), fill(tmp_path / "drifts.sqlite3", shifted, since=131)]
    assert main(["model", "check", "--history", str(paths[0])]) == 0
    assert "nothing drifts" in capsys.readouterr().out
    assert main(["model", "check", "--history", str(paths[1])]) == 1
    printed = capsys.readouterr().out
    assert "1970-05-12: feature rate_2 has shifted: PSI " in printed
    assert RETRAIN in printed
    assert main(["model", "check", "--history", str(paths[1]), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["drifts"] is True
    with pytest.raises(SystemExit):
        main(["model", "check", "--runs", "9"])
