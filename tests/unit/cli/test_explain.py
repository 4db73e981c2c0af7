"""What `nexus explain` says of the tests around a test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import TestKey
from pytest_nexus.forecast.neighbours import nearest
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from tests.support.builders import attempt, run

pytestmark = pytest.mark.process

LOAD, SAVE, TAX = "t/test_io.py::test_load_item", "t/test_io.py::test_save_item", "t/test_tax.py::t"
MANY = [f"t/test_many.py::test_{n}" for n in range(40)]


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without git: a change of this repository would rank the tests too."""
    monkeypatch.chdir(tmp_path)


def make(path: Path) -> str:
    """Write a history in which two tests failed together twice, and one of them once alone."""
    failing = [{LOAD, TAX}, {LOAD}, set(), {LOAD, TAX}, {LOAD, SAVE, TAX, *MANY}]
    with open_history(path) as history:
        for number, bad in enumerate(failing, 1):
            attempts = [
                attempt(key, "failed" if key in bad else "passed")
                for key in (LOAD, SAVE, TAX, *MANY)
            ]
            ingest_run(history, run(number), attempts)
    return str(path)


def test_explain_names_what_fails_with_a_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = make(tmp_path / "h.sqlite3")
    assert main(["explain", LOAD, "--history", history, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["neighbours"]["fails_with"] == [{"nodeid": TAX, "together": 2, "failures": 3}]
    assert found["neighbours"]["nearest"][0]["nodeid"] == SAVE
    assert main(["explain", LOAD, "--history", history]) == 0
    said = capsys.readouterr().out
    assert f"In 2 of its 3 failing runs {TAX} failed too." in said
    assert f"Near by its words: {SAVE}" in said


def test_a_test_that_never_failed_has_only_near_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = make(tmp_path / "h.sqlite3")
    assert main(["explain", SAVE, "--history", history, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["neighbours"]["fails_with"] == []


def test_other_parameters_of_a_test_are_no_neighbours() -> None:
    keys = ["a.py::test_tax[1]", "a.py::test_tax[2]", "b.py::test_tax_rate[1]", "b.py::test_x"]
    assert [key for key, _ in nearest(keys[0], keys)] == ["b.py::test_tax_rate[1]"]


def test_a_name_without_words_is_near_to_nothing() -> None:
    assert nearest("test_a.py::t", ["test_a.py::t", "b.py::test_x"]) == []


def test_explain_says_that_a_test_failed_last_on_this_branch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_HEAD_REF", "fix")
    path = tmp_path / "h.sqlite3"
    with open_history(path) as history:
        for number, branch in enumerate(("fix", "main", "main"), 1):
            one = run(number)
            one = one._replace(change=one.change._replace(branch=branch))
            outcomes = {LOAD: "failed" if branch == "fix" else "passed", SAVE: "passed"}
            ingest_run(history, one, [attempt(key, seen) for key, seen in outcomes.items()])
    for key, is_said in ((LOAD, True), (SAVE, False)):
        assert main(["explain", key, "--history", str(path), "--json"]) == 0
        said = capsys.readouterr().out.lower()
        assert ("it failed in the last run of its branch" in said) is is_said


def failing_everywhere(path: Path, *names: str, runs: int = 10) -> str:
    """Write a history without branches, as a CI that checks out a detached commit leaves it."""
    with open_history(path) as history:
        for number in range(1, runs + 1):
            bad = [attempt(name, "failed") for name in names]
            ingest_run(history, run(number), [*bad, *map(attempt, MANY)])
    return str(path)


def test_no_probability_is_printed_of_a_test_that_always_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped model scores it 0.07, which ranks it first and is no probability."""
    history = failing_everywhere(tmp_path / "h.sqlite3", SAVE)
    assert main(["explain", SAVE, "--history", history]) == 0
    said = capsys.readouterr().out
    assert "probability" not in said
    assert "rank 1 of 41; score 0." in said
    assert main(["explain", SAVE, "--history", history, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert 0 < found["score"] < 1
    assert "p_fail" not in found


@pytest.mark.parametrize(
    ("lineage", "word"),
    [({"inputs": [{"name": "history"}]}, "probability"), ({"imported": True}, "score")],
)
def test_only_a_model_calibrated_on_the_history_prints_probabilities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lineage: dict[str, object], word: str
) -> None:
    """An imported model was calibrated on the runs of others."""
    history = failing_everywhere(tmp_path / "h.sqlite3", SAVE)
    document = dump(Model({"record": 1.0}, slope=1.0, intercept=-3.0))
    made = Version(version(document), None, 1.0, document, json.dumps(lineage), "{}")
    with open_history(Path(history)) as opened:
        opened.models.add(made)
        opened.models.set_alias("champion", made.version, 2.0)
    assert main(["explain", SAVE, "--history", history]) == 0
    assert f"rank 1 of 41; {word} 0." in capsys.readouterr().out
    assert main(["explain", SAVE, "--history", history, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {"probability", "score"} & found.keys() == {word}


def test_a_test_without_parameters_is_not_told_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = "t/test_p.py::test_p[1]"
    history = failing_everywhere(tmp_path / "h.sqlite3", SAVE, one)
    for name, is_said in ((SAVE, False), (one, True)):
        assert main(["explain", name, "--history", history]) == 0
        said = capsys.readouterr().out
        assert ("other parameters" in said) is is_said
        assert "t failed lately" in said


def test_a_test_that_depends_on_the_order_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.sqlite3"
    make(path)
    found = OrderRule(TestKey(LOAD), "victim", (TestKey(TAX),), 1.0, 2, 2, "bisect", 1.0)
    with open_history(path) as history:
        history.order_rules.keep(found)
    assert main(["explain", LOAD, "--history", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"It stays in the order of the collection: it fails after {TAX}." in said
