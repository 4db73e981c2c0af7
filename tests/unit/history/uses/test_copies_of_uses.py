"""What tests used comes along in merges and copies, and goes with its runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.dependencies import Dependency, SessionUses
from pytest_nexus.domain.records import Attempt, Run, TestKey
from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.exchange.merge import candidate_of, known_uses
from pytest_nexus.history.ingest import ingest_journal, ingest_run
from pytest_nexus.history.sqlite.run_sequence import Slot, in_order
from pytest_nexus.history.store import History, open_history, read_history
from pytest_nexus.journal.encoding import full_attempt
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
from tests.support.examples import scaled
from tests.support.uses import known, meaning, session_uses

if TYPE_CHECKING:
    from random import Random

KEYS = ("a.py::t", "a.py::u", "b.py::v")
NAMES = ("s.py::f=1", "s.py::f=2", "s.py::g=1", "s.py=1", "s.py=2", "z.py=1", "HOME=1", "PATH=")
Session = tuple[Run, list[Attempt], SessionUses]

uses = st.builds(
    session_uses,
    st.dictionaries(st.sampled_from(KEYS), st.sets(st.sampled_from(NAMES), max_size=5)),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["", "", "it reads a socket"])),
)
attempts = st.lists(
    st.builds(
        attempt,
        st.sampled_from(KEYS),
        st.sampled_from(["passed", "passed", "passed", "failed", "xfailed"]),
        number=st.sampled_from([1, 1, 1, 2]),
    ),
    max_size=5,
)
runs = st.builds(
    run,
    st.integers(1, 8),
    st.sampled_from([10.0, 20.0, 30.0]),
    commit=st.none() | st.just("c" * 40),
    ci_number=st.none() | st.integers(1, 3),
)
sessions = st.lists(st.tuples(runs, attempts, uses), max_size=7)


def content(history: History) -> object:
    assert history.check() == []
    found = history.uses()
    told = known(found)
    used = {one for own in told.values() for each in own for one in each[0]}
    return told, {found.modules[each.digest] for each in used if each.kind == "module"}


def made(path: Path, taken: list[Session]) -> Path:
    with open_history(path) as history:
        for each in taken:
            ingest_run(history, *each[:2], uses=each[2])
    return path


def merged(path: Path, *others: Path) -> object:
    with open_history(path) as history:
        for other in others:
            history.merge(other)
        found = content(history)
        history.rebuild()
        assert content(history) == found
        return found


def fingerprints(path: Path) -> object:
    with open_history(path) as history:
        assert history.check() == []
        return known(history.uses())


def written(folder: Path, each: Session) -> Path:
    """The journal of a session."""
    writer = JournalWriter.create(folder, each[0])
    for one in each[1]:
        writer.attempt(one)
    writer.uses(each[2])
    writer.end(1.0, 0, complete=each[0].complete)
    writer.close()
    return writer.path


def expected(taken: list[Session]) -> dict[str, list[tuple[frozenset[Dependency], str]]]:
    """The fingerprints that runs give, without the database: runs in the order of the fold."""
    best: dict[str, Session] = {}
    for each in taken:
        old = best.get(each[0].run_uid)
        ranks = [candidate_of(*one[:2], known_uses(one[2])).rank for one in (each, old) if one]
        if old is None or ranks[0] > ranks[1]:
            best[each[0].run_uid] = each
    slots = [
        Slot(0, uid, one.started_at, (one.ci.provider, one.ci.workflow), one.ci.run_number or 0)
        if one.ci
        else Slot(0, uid, one.started_at, None)
        for uid, (one, _, _) in best.items()
    ]
    kept: dict[str, list[tuple[frozenset[Dependency], str]]] = {}
    for slot in in_order(slots):
        one, attempts, uses = best[slot.run_uid]
        raws = candidate_of(one, attempts).attempts
        used = meaning(uses)
        for key in {raw[0] for raw in raws}:
            own = [full_attempt(raw) for raw in raws if raw[0] == key]
            outcomes = [each.outcome for each in own]
            members, obstacle = used.get(key, (frozenset(), ""))
            is_known = bool(members) and not obstacle
            before = kept.get(key, [])
            if "failed" in outcomes or "error" in outcomes:
                kept[key] = [one for one in before if is_known and one[0] != members]
            elif outcomes == ["passed"] and own[0].number == 1 and is_known:
                rest = [one for one in before if one[0] != members]
                kept[key] = [(members, slot.run_uid), *rest][:4]
    return {key: found for key, found in kept.items() if found}


@settings(deadline=None, max_examples=scaled(100))
@given(sessions)
def test_history_ends_as_a_fold_without_a_database(taken: list[Session]) -> None:
    with TemporaryDirectory() as name:
        found: Any = fingerprints(made(Path(name, "a"), taken))
    told = {key: [each[:2] for each in own] for key, own in found.items()}
    assert told == expected(taken)


@settings(deadline=None, max_examples=scaled(60))
@given(sessions, st.randoms(use_true_random=False))
def test_any_order_of_runs_ends_the_same(taken: list[Session], random: Random) -> None:
    shuffled = [*taken, *taken[:2]]
    random.shuffle(shuffled)
    with TemporaryDirectory() as name:
        first = fingerprints(made(Path(name, "first"), taken))
        assert fingerprints(made(Path(name, "second"), shuffled)) == first


@settings(deadline=None, max_examples=scaled(40))
@given(sessions, sessions, st.booleans())
def test_any_order_of_merges_ends_the_same(
    left: list[Session], right: list[Session], prune: bool
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        a, b = made(folder / "a", left), made(folder / "b", right)
        if prune:
            with open_history(a) as history:
                history.prune(keep_runs=2)
                assert history.check() == []
        both = merged(folder / "ab", a, b)
        assert merged(folder / "ba", b, a) == both
        assert merged(folder / "aabba", a, a, b, b, a) == both


@settings(deadline=None, max_examples=scaled(40))
@given(sessions)
def test_journals_and_copies_tell_the_same(taken: list[Session]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        taken = list({each[0].run_uid: each for each in taken}.values())
        expected = fingerprints(made(folder / "direct", taken))
        with open_history(folder / "journals") as history:
            for each in taken:
                run_of_journal = each[0]._replace(complete=True, ci=each[0].ci)
                ingest_journal(history, written(folder / "j", (run_of_journal, *each[1:])))
            assert known(history.uses()) == expected
            history.export(folder / "slim", slim=True)
            history.export(folder / "whole")
        for copy in ("slim", "whole"):
            with read_history(folder / copy) as history:  # type: ignore[union-attr] # just made
                assert known(history.uses()) == expected
                assert history.check() == []


def session(uid: int, names: dict[str, list[str]]) -> Session:
    return run(uid), [attempt(key) for key in names], session_uses(names)


def uses_of(uid: int) -> dict[str, list[str]]:
    return {"a.py::t": [f"s{uid}.py::f=1", f"s{uid}.py={uid}"]}


def count(path: Path) -> dict[str, int]:
    with open_history(path) as history:
        tables = ("used_path", "dependency", "set_pack", "set_index", "run_uses", "module_level")
        rows = {each: f"SELECT count(*) FROM {each}" for each in tables}  # noqa: S608 - ours
        return {each: history._connection.execute(sql).fetchone()[0] for each, sql in rows.items()}


def test_slim_copy_has_only_what_fingerprints_need(tmp_path: Path) -> None:
    path = made(tmp_path / "a", [session(uid, uses_of(uid)) for uid in range(1, 8)])
    whole = count(path)
    assert (whole["dependency"], whole["module_level"], whole["run_uses"]) == (14, 7, 7)
    with open_history(path) as history:
        history.export(tmp_path / "slim", slim=True)
    with read_history(tmp_path / "slim") as slim:  # type: ignore[union-attr] # just made
        found = slim.uses()
    assert sorted(found.modules) == [str(uid) * 16 for uid in range(4, 8)]
    assert len(found.dependencies) == 8


def test_what_no_run_used_is_pruned(tmp_path: Path) -> None:
    path = made(tmp_path / "a", [session(uid, uses_of(uid)) for uid in range(1, 8)])
    with open_history(path) as history:
        history.prune(keep_runs=1)
        assert history.check() == []
        assert len(history.uses().fingerprints["a.py::t"]) == 1
    expected = {"used_path": 1, "dependency": 2, "set_pack": 1, "set_index": 2, "run_uses": 1}
    assert count(path) == {**expected, "module_level": 1}
    with open_history(path) as history:
        history.prune(keep_runs=0)
        assert history.check() == []
    assert set(count(path).values()) == {0}


def test_sets_are_shared_between_runs(tmp_path: Path) -> None:
    uses = {f"a.py::t{at}": [f"s.py::f{at}=1", "s.py=1"] for at in range(100)}
    path = made(tmp_path / "a", [session(uid, uses) for uid in range(1, 4)])
    found = count(path)
    assert (found["set_index"], found["set_pack"], found["dependency"]) == (101, 3, 101)


def test_uses_of_some_tests_can_be_read(tmp_path: Path) -> None:
    path = made(tmp_path / "a", [session(1, {key: ["s.py::f=1"] for key in KEYS})])
    with open_history(path) as history:
        found = history.uses([KEYS[0], "x.py::unknown"])
        assert list(found.fingerprints) == [KEYS[0]]
        assert history.uses([]).fingerprints == {}


def test_uses_without_attempts_do_not_replace_a_run(tmp_path: Path) -> None:
    made_run, attempts, _ = session(1, {"a.py::t": []})
    stray = session_uses({"x.py::unknown": ["s.py::f=1"]})
    with open_history(tmp_path / "a") as history:
        results = [ingest_run(history, made_run, attempts, uses=stray).new for _ in range(2)]
        assert results == [True, False]
        assert len(history.uses().fingerprints) == 0


def test_same_run_with_uses_replaces_the_one_without(tmp_path: Path) -> None:
    made_run, attempts, uses = session(1, {"a.py::t": ["s.py::f=1"]})
    with open_history(tmp_path / "a") as history:
        for given, is_new in ((None, True), (uses, True), (None, False), (uses, False)):
            assert ingest_run(history, made_run, attempts, uses=given).new is is_new
        assert len(history.uses().fingerprints) == 1


def test_members_behave_like_a_set(tmp_path: Path) -> None:
    names = {"a.py::t": ["s.py::f=1", "s.py=1"], "a.py::u": ["s.py::f=1", "s.py=1"]}
    path = made(tmp_path / "a", [session(1, names)])
    with open_history(path) as history:
        found = history.uses()
    ((first, *_),), ((second, *_),) = (found.fingerprints[TestKey(key)] for key in names)
    ids = frozenset(found.dependencies)
    one = next(iter(first))
    assert first is second is found.fingerprints[TestKey("a.py::t")][0].members
    assert first == ids
    assert (len(first), hash(first), sorted(first)) == (2, hash(ids), sorted(ids))
    assert (first & {one, 99}, ids & first, first - {one}) == ({one}, ids, ids - {one})
    assert first | {99} == ids | {99}
    assert one in first
    assert 99 not in first
    assert first.isdisjoint({99})
    assert not first.isdisjoint([one])
    assert not any(first.isdisjoint(frozenset({each})) for each in ids)


def test_better_copy_of_a_run_replaces_its_uses(tmp_path: Path) -> None:
    older, newer = (session(1, {"a.py::t": [name]}) for name in ("s.py::f=1", "s.py::g=1"))
    path = made(tmp_path / "a", [(older[0]._replace(complete=False), *older[1:]), newer])
    with open_history(path) as history:
        ((found,),) = history.uses().fingerprints.values()
        assert [history.uses().dependencies[each].name for each in found.members] == ["s.py::g"]
        assert history.check() == []


DAMAGES = {
    "no pack": "DELETE FROM set_pack",
    "empty pack": "UPDATE set_pack SET sets = x''",
    "other pack": "UPDATE set_pack SET sets = (SELECT tests FROM run_uses)",
    "lost dependency": "DELETE FROM dependency WHERE kind = 0",
    "far set": "UPDATE fingerprint SET functions = 127",
    "odd digest": "UPDATE dependency SET digest = x'00'",
    "odd kind": "UPDATE dependency SET kind = 7",
    "odd statements": "UPDATE module_level SET statements = x'789c'",
    "lost run": "DELETE FROM run",
}


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_found_when_it_is_read(tmp_path: Path, how: str) -> None:
    path = made(tmp_path / "a", [session(1, {"a.py::t": ["s.py::f=1", "s.py=1"]})])
    with open_history(path) as history:
        history._connection.execute(DAMAGES[how])
    with open_history(path) as history:
        with pytest.raises(CorruptHistoryError):
            known(history.uses())
        assert history.check() != []


def test_stale_fingerprints_are_found(tmp_path: Path) -> None:
    path = made(tmp_path / "a", [session(1, {"a.py::t": ["s.py::f=1", "s.py=1"]})])
    with open_history(path) as history:
        history._connection.execute("DELETE FROM fingerprint")
        assert history.check() == [
            "what is known of dependencies is stale; run `nexus history rebuild`"
        ]
        history.rebuild()
        assert history.check() == []
