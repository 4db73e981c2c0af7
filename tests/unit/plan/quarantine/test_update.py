from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import TestKey
from pytest_nexus.plan.flakiness.assess import assess_all
from pytest_nexus.plan.quarantine.file import (
    Quarantine,
    QuarantineEntry,
    format_quarantine,
    parse_quarantine,
)
from pytest_nexus.plan.quarantine.update import (
    MAX_QUARANTINED,
    Terms,
    Update,
    members,
    standing,
    update,
)
from tests.support.builders import failure
from tests.support.sightings import row, seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun

EPOCH = date(1970, 1, 1)
TODAY = EPOCH + timedelta(days=1)
TERMS = Terms(TODAY, "@qa", TODAY + timedelta(days=30))
FLAKY = row("a:FP*3", "b:P*20")


def entry(nodeid: str, since: date = EPOCH - timedelta(days=1)) -> QuarantineEntry:
    return QuarantineEntry(nodeid, "r", "o", since)


def updated(
    runs: Mapping[str, Sequence[OutcomeInRun]], *entries: QuarantineEntry, terms: Terms = TERMS
) -> Update:
    by_key = {TestKey(key): sightings for key, sightings in runs.items()}
    functions = {key: function_of_key(key) for key in by_key}
    quarantine = Quarantine(entries)
    found = assess_all(by_key)
    spoken_for = members(quarantine, functions)
    standings = [
        standing(one, spoken_for[one.id], {each.key: each for each in found}, by_key)
        for one in entries
    ]
    return update(quarantine, standings, found, functions, terms)


def test_a_test_that_flakes_often_enough_enters_with_reason_owner_and_end():
    (entering,) = updated({"t.py::test_x": row("a:FP*3", "b:P*7")}).entering
    assert (entering.id, entering.owner, entering.since) == ("t.py::test_x", "@qa", TODAY)
    assert entering.until == TERMS.until
    assert entering.reason == "failed and passed on the same commit in 3 of 10 runs"


def test_the_reason_names_the_most_frequent_failure():
    flake = seen("FP", "a", failure=failure("port is taken"))
    (entering,) = updated({"x": [flake] * 3}).entering
    assert entering.reason.endswith("; mostly AssertionError: port is taken")


@pytest.mark.parametrize(
    "runs",
    [
        ["a:FP", "b:P*3"],  # one flake is no pattern
        ["a:P*200", "b:FP*2"],  # too rare: the lower end is 0.0033
        ["a:FF*5"],  # broken
        ["a:FP*3", "b:P*30"],  # over it
    ],
)
def test_what_is_not_a_frequent_flake_now_does_not_enter(runs):
    assert updated({"x": row(*runs)}).entering == ()


def test_what_one_entry_speaks_for_does_not_enter_again():
    runs = {"t.py::test_x[1]": row("a:FP*3"), "t.py::test_x[2]": row("a:FP*3")}
    assert updated(runs, entry("t.py::test_x")).entering == ()
    assert [one.id for one in updated(runs, entry("t.py::test_x[1]")).entering] == [
        "t.py::test_x[2]"
    ]


def test_the_most_expensive_enter_while_there_is_room_and_the_rest_wait():
    runs = {
        f"x{n}": [seen("FP", "a", run=i, call_s=float(n + 1)) for i in range(3)] for n in range(4)
    }
    found = updated(runs, entry("stale"), terms=Terms(TODAY, "o", None, max_entries=3))
    assert [one.id for one in found.entries] == ["stale", "x3", "x2"]
    assert found.waiting == ("x1", "x0")


def test_a_full_quarantine_is_not_cut_down():
    old = [entry(f"stale{n}") for n in range(MAX_QUARANTINED + 5)]
    found = updated({"x": row("a:FP*3")}, *old)
    assert len(found.entries) == len(old)
    assert (found.entering, found.waiting) == ((), ("x",))


def test_an_entry_leaves_after_enough_passes():
    still = updated({"x": row("a:FP*3", "b:P*19")}, entry("x"))
    assert still.leaving == ()
    (gone,) = updated({"x": FLAKY}, entry("x")).leaving
    assert (gone.passes, gone.needed, gone.n_tests) == (20, 20, 1)


def test_passes_up_to_the_day_of_the_entry_do_not_count():
    assert updated({"x": FLAKY}, entry("x", since=EPOCH)).leaving == ()


def test_an_entry_put_in_by_hand_leaves_after_what_a_flake_of_5_percent_needs():
    assert updated({"x": row("a:P*58")}, entry("x")).leaving == ()
    assert len(updated({"x": row("a:P*59")}, entry("x")).leaving) == 1


def test_a_function_leaves_when_all_its_parameters_are_over_it():
    over, not_over = "t.py::test_x[1]", "t.py::test_x[2]"
    runs = {over: FLAKY, not_over: row("a:FP*3", "b:P*5")}
    assert updated(runs, entry("t.py::test_x")).leaving == ()
    assert len(updated({over: FLAKY}, entry("t.py::test_x")).leaving) == 1


def test_a_stale_entry_stays():
    found = updated({"x": FLAKY}, entry("gone.py::test_x"))
    assert (found.leaving, len(found.entries)) == ((), 1)


def test_what_left_and_flakes_on_enters_again_only_with_a_new_flake():
    first = updated({"x": FLAKY}, entry("x"))
    assert (first.entries, first.entering) == ((), ())


def test_what_enters_can_be_written():
    flake = seen("FP", "a", failure=failure("tab\tand \x0b line " + "x" * 900))
    found = updated({"x": [flake] * 3})
    assert parse_quarantine(format_quarantine(found.entries)).entries == found.entries
