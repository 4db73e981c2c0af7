"""The columns that the latency of a push is measured on are those of a session."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.deployment import session_features as module
from pytest_nexus.deployment.session_features import invented_features, repeated, session_features
from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.predictor.features.rows import Column


def column(found: list[Column], name: str) -> list[float]:
    return list(found[NAMES.index(name)])


def n_objects(values: Column) -> int:
    return len(set(map(id, values)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history of two runs of five tests; the last run changed a source file."""
    path = tmp_path / "history.sqlite3"
    files = (ChangedFile("src/price.py", "M", 3),)
    with open_history(path) as history:
        for number, change in enumerate((Change(), Change(files=files))):
            failed = attempt("t/test_price.py::test_a", "failed", failure=failure())
            others = [attempt(f"t/test_shop.py::test_{at}") for at in range(4)]
            made = run(number + 1)
            history.add([candidate_of(made._replace(change=change), [failed, *others])])
    return path


def test_the_tests_of_the_history_are_repeated_as_a_session_knows_them(
    path: Path, tmp_path: Path
) -> None:
    found = session_features(path, tmp_path)
    assert [len(each) for each in found] == [10_000] * len(NAMES)
    assert sum(column(found, "since_failure")[:5]) == 4 * 1000.0
    assert column(found, "since_failure")[:5] * 2000 == column(found, "since_failure")
    assert max(column(found, "path_words")) > 0.0, "the change of the newest run counts"
    assert n_objects(found[NAMES.index("file_rate_8")]) <= 2 * 2000
    assert n_objects(found[NAMES.index("executes_change")]) == 1


def test_a_repetition_has_objects_of_its_own_that_it_shares_as_before() -> None:
    shared, one, other = (float(text) for text in ("1.5", "0.75", "-1"))
    first, second = [shared, shared, one], [one, one * 2, one * 3]
    found = repeated([first, second, [other] * 3], 8)
    assert [list(each) for each in found[:2]] == [(first * 3)[:8], (second * 3)[:8]]
    assert n_objects(found[0]) == 2 + 2 + 1, "the last repetition is cut"
    assert found[0][5] is found[1][3], "columns share objects in a repetition too"
    assert n_objects(found[2]) == 1
    assert repeated([(), ()], 8) == []


def test_a_suite_is_invented_where_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "N_TESTS", 600)
    found = invented_features()
    assert found == session_features(tmp_path / "none.sqlite3", tmp_path)
    assert {len(each) for each in found} == {600}
    assert column(found, "since_failure").count(3.0) == 6
    assert len(set(column(found, "similarity"))) > 50
    assert set(chain(column(found, "executes_change"), column(found, "base_streak"))) == {-1.0}
    with open_history(tmp_path / "empty.sqlite3"):
        pass
    assert session_features(tmp_path / "empty.sqlite3", tmp_path) == found
