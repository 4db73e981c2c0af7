from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.training import champion as predictor_train

from pytest_nexus.cli.main import main
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history
from pytest_nexus.report.ci.model_line import SHIPPED, model_line
from pytest_nexus.training.trigger import FIRST, due
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

BAD = attempt(outcome="failed", failure=failure())
GOOD = attempt()


def version(last: str | None, name: str = "a" * 16, **metrics: float) -> Version:
    lineage = {"imported": True} if last is None else {"last_run": last}
    return Version(name, None, 1.0, "{}", json.dumps(lineage), json.dumps(metrics))


def uids(n: int) -> list[str]:
    return [f"{number:032x}" for number in range(1, n + 1)]


def test_first_training_is_due_when_it_can_prove_something() -> None:
    assert FIRST == predictor_train.MIN_FAILED_RUNS
    assert not due(uids(FIRST - 1), []).is_due
    assert due(uids(FIRST), []).is_due
    assert due(uids(5), []).reason == "5 runs with a failure, none learned from; 24 are needed"


@pytest.mark.parametrize(("n", "at", "is_due"), [
    (14, 12, False), (15, 12, True), (109, 99, False), (110, 99, True), (110, 110, False),
])  # fmt: skip
def test_next_one_is_due_when_a_tenth_is_new_and_three_at_least(
    n: int, at: int, is_due: bool
) -> None:
    assert due(uids(n), [version(uids(n)[at - 1])]).is_due is is_due


def test_version_of_another_origin_says_nothing_and_a_pruned_run_makes_it_due() -> None:
    assert not due(uids(13), [version(uids(13)[11]), version(None)]).is_due
    assert due(uids(12), [version("f" * 32)]).is_due


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two dozen runs that teach, and four that do not: passed, healed, a fork's, a mass failure."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "history.sqlite3"
    monkeypatch.setenv("NEXUS_HISTORY", str(path))
    many = [attempt(f"a.py::t{n}", "failed", failure=failure()) for n in range(30)]
    with open_history(path) as opened:
        opened.add(
            [candidate_of(run(uid), [BAD]) for uid in range(1, 25)]
            + [
                candidate_of(run(40), [GOOD]),
                candidate_of(run(41), [BAD, attempt(number=2)]),
                candidate_of(run(42, trust="fork", head="a" * 40), [BAD]),
                candidate_of(run(43), many),
            ]
        )
    return path


def test_runs_that_count_are_those_that_the_trainer_learns_from(history: Path) -> None:
    with open_history(history) as opened:
        assert opened.failing_runs() == uids(24)


def test_command_answers_and_trains_only_when_it_is_due(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--due"]) == 0
    assert capsys.readouterr().out == (
        "due: 24 runs with a failure, none learned from; 24 are needed\n"
    )
    with open_history(history) as opened:
        opened.models.add(version(uids(24)[-1]))
    assert main(["train", "--due"]) == 1
    assert main(["train", "--if-due"]) == 0
    assert capsys.readouterr().out == (
        "not due: 24 runs with a failure, 0 of them new; 3 are needed\n" * 2
    )
    assert main(["train", "--if-due", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deployed"] is False
    assert main(["train", "--due", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["due"] is False


def test_without_a_history_nothing_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXUS_HISTORY", str(tmp_path / "none.sqlite3"))
    assert main(["train", "--due"]) == 1
    assert capsys.readouterr().out == "not due: there is no history yet\n"


def test_line_about_the_model_names_it_and_how_good_it_was(history: Path) -> None:
    with open_history(history) as opened:
        assert model_line(opened) == SHIPPED
        opened.models.add(version(uids(1)[0], apfdc=0.953, apfdc_incumbent=0.94))
        opened.models.set_alias("champion", "a" * 16, 2.0)
        assert model_line(opened) == (
            "order by model aaaaaaaa, APFDc 0.953 on runs it had not seen, 0.940 the one before"
        )
        opened.models.add(version(None, "b" * 16))
        opened.models.set_alias("champion", "b" * 16, 3.0)
        assert model_line(opened) == "order by model bbbbbbbb"
