"""Whatever SQLite says, each call raises an error of the history that names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import History, open_history
from pytest_nexus.plan.delivery.escape_guard import Guard
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UID = run(1).run_uid
RULE = OrderRule("t", "brittle", ("u",), 0.9, 1, 1, "bisect", 1.0)  # type: ignore[arg-type] # keys are texts
VERSION = Version("a", None, 1.0, "", "{}", "{}")

CALLS: dict[str, Callable[[History, Path], Any]] = {
    "is_slim": lambda h, _: h.is_slim,
    "runs": lambda h, _: h.runs(),
    "count_runs": lambda h, _: h.count_runs(),
    "count_tests": lambda h, _: h.count_tests(),
    "known_runs": lambda h, _: h.known_runs([UID]),
    "stats": lambda h, _: h.stats(),
    "recall": lambda h, _: h.recall(),
    "flaky_stats": lambda h, _: h.flaky_stats(),
    "recoveries": lambda h, _: h.recoveries(),
    "uses": lambda h, _: h.uses(),
    "cofailures": lambda h, _: h.cofailures(),
    "streaks": lambda h, _: h.streaks("main", None),
    "replayed": lambda h, _: list(h.replayed()),
    "deployed_model": lambda h, _: h.deployed_model(),
    "run_outcomes": lambda h, _: h.run_outcomes(),
    "failing_runs": lambda h, _: h.failing_runs(),
    "attempts": lambda h, _: list(h.attempts(UID)),
    "attempts_of": lambda h, _: h.attempts_of("t"),  # type: ignore[arg-type] # keys are texts
    "failing": lambda h, _: h.failing(),
    "has_run_of": lambda h, _: h.has_run_of("main"),
    "failed_together": lambda h, _: h.failed_together("t"),
    "sightings": lambda h, _: h.sightings(["t"]),
    "candidates": lambda h, _: list(h.candidates()),
    "ranks": lambda h, _: h.ranks(),
    "pruned": lambda h, _: h.pruned([UID]),
    "accept": lambda h, _: h.accept(["f" * 40]),
    "unaccepted_heads": lambda h, _: h.unaccepted_heads(),
    "add": lambda h, _: h.add([candidate_of(run(1), [])]),
    "size_of_forks": lambda h, _: h.size_of_forks([]),
    "make_room_for_forks": lambda h, _: h.make_room_for_forks(1, 1),
    "artifacts": lambda h, _: h.artifacts("o/a"),
    "note_artifact": lambda h, _: h.note_artifact("o/a", 1, "taken"),
    "prune": lambda h, _: h.prune(1),
    "rebuild": lambda h, _: h.rebuild(),
    "export": lambda h, folder: h.export(folder / "copy.sqlite3"),
    "models.versions": lambda h, _: h.models.versions(),
    "models.alias": lambda h, _: h.models.alias("champion"),
    "models.champion": lambda h, _: h.models.champion(),
    "models.earlier": lambda h, _: h.models.earlier(),
    "models.deployments": lambda h, _: h.models.deployments(),
    "models.add": lambda h, _: h.models.add(VERSION),
    "models.set_alias": lambda h, _: h.models.set_alias("champion", None, 1.0),
    "models.note": lambda h, _: h.models.note(VERSION, "x", {}),
    "order_rules.read": lambda h, _: h.order_rules.read(),
    "order_rules.lasting": lambda h, _: h.order_rules.lasting(),
    "order_rules.keep": lambda h, _: h.order_rules.keep(RULE),
    "order_rules.drop": lambda h, _: h.order_rules.drop("t"),
    "deployments.read": lambda h, _: h.deployments.read(),
    "deployments.add": lambda h, _: h.deployments.add([]),
    "deployments.leaving_runs": lambda h, _: h.deployments.leaving_runs(),
    "deployments.guard": lambda h, _: h.deployments.guard(),
    "deployments.keep_guard": lambda h, _: h.deployments.keep_guard(Guard()),
    "learned.read": lambda h, _: h.learned.read(),
    "learned.ci_runs": lambda h, _: h.learned.ci_runs(),
    "learned.values": lambda h, _: h.learned.values(["x"], None),
    "learned.step": lambda h, _: h.learned.step(lambda *_: pytest.fail("nothing to decide")),
    "quality.read": lambda h, _: h.quality.read(),
    "reuse.knows_uses": lambda h, _: h.reuse.knows_uses(),
    "reuse.misses": lambda h, _: h.reuse.misses(),
    "reuse.status": lambda h, _: h.reuse.status(),
    "reuse.files_of_runs": lambda h, _: h.reuse.files_of_runs(1),
    "reuse.word.said": lambda h, _: h.reuse.word.said(),
    "reuse.word.say": lambda h, _: h.reuse.word.say("off", 1.0),
    "selection.runs": lambda h, _: h.selection.runs(),
    "selection.state": lambda h, _: h.selection.state(),
    "selection.evidence": lambda h, _: h.selection.evidence(),
    "selection.cuts": lambda h, _: h.selection.cuts(),
    "selection.risk": lambda h, _: h.selection.risk(),
    "selection.keep": lambda h, _: h.selection.keep([], []),
    "selection.starts_on": lambda h, _: h.selection.starts_on("main"),
    "selection.left_out_in": lambda h, _: h.selection.left_out_in(),
    "figures.runs": lambda h, _: h.figures(1).runs,
    "figures.times": lambda h, _: h.figures(1).times(),
    "figures.keys": lambda h, _: h.figures(1).keys,
    "figures.ends": lambda h, _: h.figures(1).ends(),
    "figures.artifacts": lambda h, _: h.figures(1).artifacts(),
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> History:
    path = tmp_path_factory.mktemp("closed") / "history.sqlite3"
    with open_history(path) as history:
        ingest_run(history, run(1), [attempt("t")])
    return history


@pytest.mark.parametrize("name", CALLS)
def test_a_call_names_the_file_that_cannot_be_used(
    closed: History, tmp_path: Path, name: str
) -> None:
    with pytest.raises(HistoryError) as caught:
        CALLS[name](closed, tmp_path)
    assert caught.value.code == "NX512"
    assert caught.value.message == (
        f"Cannot use history {str(closed.path)!r}: Cannot operate on a closed database."
    )


@pytest.mark.parametrize("name", ["tests_of", "workers", "attempts_of", "time_line", "sightings",
                                  "failed", "strips", "setups"])  # fmt: skip
def test_figures_name_the_file_that_cannot_be_used_any_more(tmp_path: Path, name: str) -> None:
    """The runs are known already; only the last query fails."""
    path = tmp_path / "history.sqlite3"
    with open_history(path) as history:
        ingest_run(history, run(1), [attempt("t")])
        figures = history.figures(1)
        assert len(figures.runs) == len(figures.keys) == len(figures.times()) == 1
    given: dict[str, tuple[object, ...]] = {
        "failed": (), "strips": (1,), "setups": ("t", [0]), "sightings": (["t"],),
    }  # fmt: skip
    with pytest.raises(HistoryError, match="closed database") as caught:
        getattr(figures, name)(*given.get(name, (UID,)))
    assert str(path) in caught.value.message
