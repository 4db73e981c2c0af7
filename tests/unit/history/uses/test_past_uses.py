"""What was known of tests before each run that is replayed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.dependencies import FunctionSet
from pytest_nexus.domain.records import TestKey
from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from pytest_nexus.history.uses.users_of_files import users_of_files
from tests.support.builders import attempt, run
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_nexus.domain.dependencies import Dependency


def ingest(
    history: History, uid: int, used: Mapping[str, Collection[str]] | None, failed: str = ""
) -> None:
    """A run of tests that used things by name; `python` is a fact of the session."""
    attempts = [attempt(key, "failed" if key in failed else "passed") for key in used or ["t"]]
    uses = None
    if used is not None:
        uses = session_uses(used)
        uses = uses._replace(dependencies=tuple(map(as_session, uses.dependencies)))
    ingest_run(history, run(uid), attempts, uses=uses)


def as_session(each: Dependency) -> Dependency:
    return each._replace(kind="session") if each.name == "python" else each


def unaffected(history: History, *paths: str) -> list[list[str] | None]:
    """By run: the tests that had passed with all that they use as it was in the run."""
    found = []
    for each in history.replayed():
        keys = each.unaffected(paths)
        found.append(None if keys is None else sorted(keys))
    return found


def test_a_test_is_unaffected_while_all_that_it_uses_is_as_it_was(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1", "s.py=1"], "u": ["s.py::g=1", "HOME=1"]})
    ingest(history, 2, {"t": ["s.py::f=1", "s.py=1"], "u": ["s.py::g=2", "HOME=1"]})
    ingest(history, 3, {"t": ["s.py::f=1", "s.py=2"], "u": ["s.py::g=1", "HOME=1"]})
    ingest(history, 4, {"t": ["s.py::f=1", "s.py=2"], "u": ["s.py::g=1", "HOME=2"]})
    assert unaffected(history) == [[], ["t"], ["u"], ["t"]]


def test_an_earlier_state_counts_as_long_as_it_is_kept(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1"]})
    ingest(history, 2, {"t": ["s.py::f=2"]})
    ingest(history, 3, {"t": ["s.py::f=1"]})
    assert unaffected(history) == [[], [], ["t"]]


def test_a_failure_takes_the_state_away(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1"], "u": ["s.py::g=1"]})
    ingest(history, 2, {"t": ["s.py::f=1"], "u": ["s.py::g=1"]}, failed="t")
    ingest(history, 3, {"t": ["s.py::f=1"], "u": ["s.py::g=1"]})
    assert unaffected(history) == [[], ["t", "u"], ["u"]]


def test_what_a_run_did_not_record_is_unchanged_outside_the_changed_files(
    history: History,
) -> None:
    ingest(history, 1, {"t": ["s.py::f=1"], "u": ["z.py=1"], "v": ["HOME=1"]})
    ingest(history, 2, {"w": ["q.py::h=1"]})
    assert unaffected(history) == [[], ["t", "u", "v"]]
    assert unaffected(history, "s.py") == [[], ["u", "v"]]
    assert unaffected(history, "z.py", "s.py") == [[], ["v"]]
    assert unaffected(history, "q.py") == [[], ["t", "u", "v"]]


def test_an_untracked_run_says_nothing(history: History) -> None:
    ingest(history, 1, None)
    assert unaffected(history) == [None]
    assert [each.uses_before() for each in history.replayed()] == [None]
    ingest(history, 2, {"t": ["s.py::f=1"]})
    ingest(history, 3, None)
    ingest(history, 4, {"t": ["s.py::f=1"]})
    assert unaffected(history) == [None, [], None, ["t"]]


def test_before_a_run_only_the_functions_of_its_python_are_known(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1", "s.py::g=1", "python=1"], "u": ["s.py::f=1", "python=2"],
                        "v": ["s.py::f=1", "s.py=1"]})  # fmt: skip
    ingest(history, 2, {"t": ["s.py::f=2", "python=1"]})
    first, second = (each.uses_before() for each in history.replayed())
    assert first is not None
    assert second is not None
    assert (first.sets, first.present) == (
        {}, {"s.py::f": "1" * 16, "s.py::g": "1" * 16}
    )  # fmt: skip
    assert second.present == {"s.py::f": "2" * 16}
    names = {
        key: [sorted(second.dependencies[at].name for at in each) for each in own]  # type: ignore[attr-defined] # plain sets
        for key, own in second.sets.items()
    }
    assert names == {"t": [["s.py::f", "s.py::g"]], "v": [["s.py::f"]]}


def test_the_newest_set_is_first_and_equal_sets_are_one_object(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1"], "u": ["s.py::f=1"]})
    ingest(history, 2, {"t": ["s.py::f=2"], "u": ["s.py::f=1"]})
    ingest(history, 3, {"t": ["s.py::f=2"]})
    last = [each.uses_before() for each in history.replayed()][-1]
    assert last is not None
    t, u = last.sets["t"], last.sets["u"]  # type: ignore[index] # keys are texts
    assert [[last.dependencies[at].digest[0] for at in each] for each in t] == [["2"], ["1"]]  # type: ignore[attr-defined] # plain sets
    assert t[1] is u[0]


@pytest.mark.parametrize("name", ["uses_before", "unaffected"])
def test_a_missing_dependency_is_an_error_of_the_history(path: Path, name: str) -> None:
    with open_history(path) as history:
        ingest(history, 1, {"t": ["s.py::f=1"]})
        ingest(history, 2, {"t": ["s.py::f=1"]})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM dependency")
    given = [()] if name == "unaffected" else []
    with open_history(path) as history:
        first = next(history.replayed())
        with pytest.raises(CorruptHistoryError, match="NX507") as caught:
            getattr(first, name)(*given)
    assert str(path) in caught.value.message


def test_users_of_files_are_those_of_the_newest_state(history: History) -> None:
    ingest(history, 1, {"t": ["s.py::f=1"], "u": ["s.py=1"], "v": ["z.py::f=1", "s.py::g=1"]})
    ingest(history, 2, {"v": ["z.py::f=1", "s.txt=1"], "w": ["HOME=1"]})
    found = users_of_files(history.uses(), ["s.py", "z.py", "HOME", "x.py"])
    assert found == {"s.py": {"t", "u"}, "z.py": {"v"}, "HOME": set(), "x.py": set()}
    assert users_of_files(history.uses(), ["x.py"]) == {"x.py": set()}
    assert users_of_files(history.uses(), []) == {}


def test_known_uses_are_a_view_of_each_test(history: History) -> None:
    assert not history.reuse.knows_uses()
    ingest(history, 1, {"t": ["s.py::f=1", "s.py::g=1", "HOME=1"], "u": ["HOME=1"]})
    assert history.reuse.knows_uses()
    uses = history.uses()
    assert set(uses.fingerprints) == {"t", "u"}
    assert len(uses.fingerprints) == 2
    assert TestKey("t") in uses.fingerprints
    assert TestKey("x") not in uses.fingerprints
    (found,) = uses.fingerprints[TestKey("t")]
    numbers = {each.name: number for number, each in uses.dependencies.items()}
    assert set(found.members) == set(numbers.values())
    assert len(found.members) == 3
    f, home = numbers["s.py::f"], numbers["HOME"]
    assert isinstance(found.members, FunctionSet)
    assert found.members.functions_among(frozenset({f, home, 99})) == (2, {f})
    assert f in found.members
    assert home in found.members
    assert 99 not in found.members
    assert found.members & {f, 99} == {f}
    assert {home, 99} & found.members == {home}
    assert not found.members.isdisjoint({home})
    assert not found.members.isdisjoint([f])
    assert found.members.isdisjoint([99])
    assert hash(found.members) == hash(frozenset(found.members))
    (few,) = history.uses(["u", "x"]).fingerprints.items()
    assert few[0] == "u"
