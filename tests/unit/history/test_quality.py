"""The figures about predictions in the history: kept with their run, and gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.quality_table import Bin, RunQuality
from pytest_nexus.history.store import History, open_history
from pytest_nexus.plan.foreseen import NodeUse, Origin
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIGURES = RunQuality(
    "shipped", 3, 1, 0.9, 0.2, 0.1, 0.4, 3.0, 3.5, 3, 1, 0, 0.5,
    {"fastest first": (0.5, 1.0)}, (Bin(2, 0.1, 0), Bin(1, 0.4, 1)), ((0.5, 1.0),) * 4,
    {"rate_2": (1, 2), "runs": (0, 3)},
)  # fmt: skip
DEPLOYED = FIGURES._replace(node=NodeUse(Origin("eu", "0" * 16, "fresh"), 1.5, 3))
PASSING = FIGURES._replace(n_failed=0, apfdc=None, first_failure_s=None, orders={}, budgets=())
TESTS = [attempt("a.py::test_x"), attempt("a.py::test_y")]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as opened:
        ingest_run(opened, run(1, 1.0), TESTS, quality=FIGURES)
        ingest_run(opened, run(2, 2.0), TESTS)
        ingest_run(opened, run(3, 3.0), TESTS, quality=PASSING)
        ingest_run(opened, run(4, 4.0), TESTS, quality=DEPLOYED)
        yield opened


def figures_of(history: History) -> dict[str, RunQuality]:
    return {each.run_uid[-1]: each.quality for each in history.quality.read()}


def test_figures_come_back_as_they_were_stored(history: History) -> None:
    assert figures_of(history) == {"1": FIGURES, "3": PASSING, "4": DEPLOYED}
    assert [each.run_uid[-1] for each in history.quality.read(limit=1)] == ["4"]
    assert history.quality.read(limit=0) == []
    assert history.check() == []


@pytest.mark.parametrize("slim", [False, True])
def test_figures_come_along_in_copies_and_merges(
    history: History, tmp_path: Path, slim: bool
) -> None:
    history.export(tmp_path / "copy.sqlite3", slim=slim)
    with open_history(tmp_path / "copy.sqlite3") as copy:
        assert figures_of(copy) == figures_of(history)
    if not slim:
        with open_history(tmp_path / "merged.sqlite3") as merged:
            merged.merge(tmp_path / "copy.sqlite3")
            assert figures_of(merged) == figures_of(history)


def test_the_copy_with_figures_is_kept_in_whatever_order_copies_arrive(tmp_path: Path) -> None:
    orders = [(None, FIGURES), (FIGURES, None)]
    for at, copies in enumerate(orders):
        with open_history(tmp_path / f"{at}.sqlite3") as history:
            for quality in copies:
                ingest_run(history, run(1), TESTS, quality=quality)
            assert figures_of(history) == {"1": FIGURES}


def test_figures_go_with_their_run(history: History) -> None:
    history.prune(keep_runs=1)
    assert figures_of(history) == {"4": DEPLOYED}
    assert history._connection.execute("SELECT count(*) FROM run_node").fetchone() == (1,)
    history.prune(keep_runs=0)
    assert history._connection.execute("SELECT count(*) FROM run_node").fetchone() == (0,)


def test_the_run_of_a_fork_has_no_figures(history: History) -> None:
    forked = run(9)._replace(trust="fork", head="b" * 40)
    ingest_run(history, forked, TESTS, quality=DEPLOYED)
    assert history.accept(["b" * 40]) == 1
    assert sorted(figures_of(history)) == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("orders", "[]"), ("orders", '{"a": [1]}'), ("orders", '{"a": [1, NaN]}'),
        ("bins", "{}"), ("bins", "[[1, 2]]"), ("bins", "[[1.5, 2, 0]]"), ("bins", "null"),
        ("budgets", '[["a", 1]]'), ("budgets", "[[true, 1]]"), ("budgets", "[" * 3000),
        ("features", '{"a": [-1]}'), ("features", '{"a": 1}'), ("features", "x" * 20_001),
        ("features", '{"%s": [1]}' % ("a" * 65)), ("brier", "x"), ("apfdc", float("inf")),
        ("n_tests", -1), ("model", "x" * 65), ("model", b"x"), ("orders", '{"a": [1, 1e400]}'),
    ],
)  # fmt: skip
def test_values_that_nexus_does_not_write_are_one_error(
    history: History, column: str, value: object
) -> None:
    history._connection.execute(f"UPDATE run_quality SET {column} = ?", (value,))  # noqa: S608 - ours
    with pytest.raises(CorruptHistoryError, match="did not write"):
        history.quality.read()


@pytest.mark.parametrize(
    ("column", "value"),
    [("got", "stolen"), ("node", "x" * 17), ("region", "x" * 101), ("scoring_ms", float("inf")),
     ("n_tests", -1), ("region", b"x")],
)  # fmt: skip
def test_a_use_of_a_deployed_model_that_nexus_does_not_write_is_one_error(
    history: History, column: str, value: object
) -> None:
    history._connection.execute(f"UPDATE run_node SET {column} = ?", (value,))  # noqa: S608 - ours
    with pytest.raises(CorruptHistoryError, match="did not write"):
        history.quality.read()


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("orders", "[]", "the figures of a run are not an object"),
        ("orders", str({str(n): [1, 1] for n in range(65)}).replace("'", '"'),
         "the figures of a run are not an object"),
        ("bins", "{}", "the figures of a run are not a list"),
        ("budgets", str([[1, 1]] * 65), "the figures of a run are not a list"),
        ("orders", '{"%s": [1, 1]}' % ("a" * 65), "a name among the figures of a run is too long"),
        ("orders", '{"a": [true, 1]}', "a figure of a run is not a number"),
        ("orders", '{"a": [1, "1"]}', "a figure of a run is not a number"),
        ("orders", '{"a": [1, -1e-9]}', "a figure of a run is out of range"),
        ("orders", '{"a": [1, 1000000000001]}', "a figure of a run is out of range"),
        ("features", '{"a": [true]}', "a figure of a run is no count"),
        ("features", '{"a": [1000000001]}', "a figure of a run is no count"),
        ("features", '{"a": [-1]}', "a figure of a run is no count"),
        ("bins", "[[1, 2, 0.5]]", "a figure of a run is no count"),
    ],
)  # fmt: skip
def test_the_error_says_which_kind_of_figure_is_wrong(
    history: History, column: str, value: str, reason: str
) -> None:
    history._connection.execute(f"UPDATE run_quality SET {column} = ?", (value,))  # noqa: S608 - ours
    with pytest.raises(CorruptHistoryError) as caught:
        history.quality.read()
    assert caught.value.message.endswith(f"a value that nexus did not write: {reason}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("orders", '{"%s": [0, 1000000000000]}' % ("a" * 64)),
        ("features", '{"a": [0, 1000000000]}'),
        ("budgets", str([[1, 0]] * 64)),
    ],
)
def test_figures_at_their_limits_are_read(history: History, column: str, value: str) -> None:
    history._connection.execute(f"UPDATE run_quality SET {column} = ?", (value,))  # noqa: S608 - ours
    assert len(history.quality.read()) == 3
