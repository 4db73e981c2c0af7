"""The same search on every backend, with any number of workers, within its budget."""

from __future__ import annotations

import sys
from contextlib import closing
from socket import socket
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Worth
from pytest_nexus.predictor.model.tree_size import TreeSize
from pytest_nexus.predictor.training.settings import DEFAULTS, Settings
from pytest_nexus.predictor.training.training_set import TrainingSet

from pytest_nexus.cli.main import main
from pytest_nexus.cli.model import card
from pytest_nexus.errors import TrainExtraMissingError, TrainingError
from pytest_nexus.forecast.stored_models import parts_of
from pytest_nexus.history.sqlite.models import figures
from pytest_nexus.history.store import open_history
from pytest_nexus.training.run import Search, train_version
from pytest_nexus.training.search import backends, find_settings
from pytest_nexus.training.search.backends import opened
from pytest_nexus.training.search.find_settings import Asked, Lessons, judged_words
from tests.unit.predictor.training.test_champion import PRIOR, cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.predictor.training.search import Found

CASES = cases("imported_words", 40)
LESSONS = Lessons(CASES, (), PRIOR, TreeSize(2, 4), 3)


def judge(settings: Settings, *_: object) -> list[Worth]:
    """Stand for a real judgement, which takes a second: less pull is better."""
    return [Worth(1 - settings.pull / 100, 1 - settings.pull / 100)] * 5


def searched(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> Found:
    monkeypatch.setattr(find_settings, "judge", judge)
    return find_settings.find_settings(LESSONS, asked)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(host="127.0.0.1", **options) as started:
        yield started.scheduler_address.replace("tcp://", "dask://")


@pytest.mark.process
def test_every_backend_finds_the_same(cluster: str) -> None:
    """With real candidates: one after the other, on two processes, and on a Dask cluster."""
    places = (("threading", 1), ("loky", 2), (cluster, -1))
    one, two, dask = (
        find_settings.find_settings(LESSONS, Asked(1, None, name, n)) for name, n in places
    )
    assert one == two == dask
    assert len(one.judged) == 2


def test_the_number_of_workers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [searched(monkeypatch, Asked(7, None, "threading", n)) for n in (1, 2, 5)]
    assert found[0] == found[1] == found[2]
    assert found[0].winner == min(range(8), key=lambda number: found[0].judged[number].pull)


def test_a_budget_ends_the_search_after_the_first_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int]] = []
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(find_settings, "judge", judge)
    monkeypatch.setattr(find_settings.clock, "perf_counter", lambda: float(next(clock)))
    asked = Asked(50, 25.0, "threading", 2)
    found = find_settings.find_settings(LESSONS, asked, lambda *each: seen.append(each))
    assert seen == [(2, 51), (4, 51)]
    assert found == searched(monkeypatch, Asked(3, None, "threading", 2))
    assert judged_words(found, 50) == (
        "search: candidates 1 to 3 of 50 and the default settings judged, then the time was over;"
        " `--search 3` judges the same"
    )
    assert judged_words(found, 3) == "search: 3 candidates and the default settings judged"


def test_too_few_runs_are_one_error() -> None:
    with pytest.raises(TrainingError, match=r"needs 40 runs .* there are 39; .*NX326") as error:
        find_settings.find_settings(LESSONS._replace(cases=CASES[:39]), Asked(1))
    assert error.value.code == "NX326"


def test_a_worker_that_fails_is_one_error() -> None:
    with opened("threading", 2) as workers, pytest.raises(TrainingError) as error:
        workers.all_of(int, [("1",), ("x",)])
    assert error.value.code == "NX325"
    assert "ValueError: invalid literal for int()" in str(error.value)


@pytest.mark.parametrize(("module", "code"), [("joblib", "NX321"), ("distributed", "NX322")])
def test_a_missing_package_is_one_error(
    monkeypatch: pytest.MonkeyPatch, module: str, code: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TrainExtraMissingError, match="pip install") as error, opened("dask://x:1"):
        pass
    assert error.value.code == code


@pytest.mark.process
def test_a_scheduler_that_does_not_answer_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setattr(backends, "CONNECT_S", 0.5)
    with closing(socket()) as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        address = f"dask://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrainingError) as error, opened(address):
            pass
    assert error.value.code == "NX323"
    assert address in str(error.value)


@pytest.mark.process
def test_a_scheduler_without_workers_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setattr(backends, "CONNECT_S", 1.0)
    options = {"n_workers": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(host="127.0.0.1", **options) as idle:
        address = idle.scheduler_address.replace("tcp://", "dask://")
        with pytest.raises(TrainingError) as error, opened(address):
            pass
    assert error.value.code == "NX324"


def status_of(words: list[str]) -> object:
    try:
        return main(words)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--search", "0"], 2, "must be an integer of 1 or more, got '0'"),
        (["--search", "2", "--backend", "spark"], 2, "must be loky, threading or dask://HOST:PORT"),
        (["--backend", "loky"], 1, "[NX320]"),
        (["--search-seconds", "5"], 1, "[NX320]"),
        (["--search", "2", "--data", "x", "--prior", "y"], 1, "[NX320]"),
        (["--from", "x", "--data", "y"], 1, "[NX329]"),
        (["--from", "x", "--due"], 1, "[NX329]"),
    ],
)
def test_arguments_that_do_not_fit_are_one_error(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["train", *words]) == status
    assert said in capsys.readouterr().err


def test_settings_are_kept_in_lineage_and_card_and_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(find_settings, "LEAST_RUNS", 30)
    monkeypatch.setattr(find_settings, "judge", judge_well)
    lessons = cases("imported_words", 60)
    with open_history(tmp_path / "history.sqlite3") as history:
        registry, taught = history.models, TrainingSet(lessons, source={"name": "history"})
        search = Search(Asked(4, None, "threading", 1))
        found = train_version(registry, lambda: taught, 3, search=search)
        assert found.search
        assert found.search.is_better
        assert found.search.searched_to == "run 35"  # no run of these judges
        lineage, metrics = figures(registry.versions()[-1])
        assert metrics["judged_runs"] == 24 - 24 // 3
        assert lineage["params"]["settings"] == found.search.settings.changed != {}
        assert lineage["params"]["pull"] == found.search.settings.pull
        assert lineage["params"]["search"]["winner"] == found.search.winner
        assert '"search"' in registry.versions()[-1].document
        assert found.version
        text = card(found.version, parts_of(registry.versions()[-1]), None)
        assert f'"winner": {found.search.winner}' in text
        again = train_version(registry, lambda: taught, 3)
        assert again.search is None
        lineage, _ = figures(registry.versions()[-1])
        assert lineage["params"]["settings"] == found.search.settings.changed


def judge_well(settings: Settings, *_: object) -> list[Worth]:
    """Any settings but the default ones win clearly."""
    value = 0.5 if settings == DEFAULTS else 0.95 - settings.pull / 1000
    return [Worth(value, value)] * 10
