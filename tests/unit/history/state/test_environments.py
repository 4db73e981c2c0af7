"""What a session expects of durations where environments differ, and where they do not."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.records import TestKey
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.state.environments import fitted, here, window_of
from pytest_nexus.history.state.fold import NO_SETTING, Observation, RunFacts, State, fold
from pytest_nexus.history.state.refresh import setting_of
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SLOW, FAST = setting_of("3.12 linux", 0), setting_of("3.12 linux", 4)


def lived(calls: Iterable[tuple[float, bytes]]) -> tuple[bytes, bytes]:
    state: State | None = None
    for at, (seconds, setting) in enumerate(calls):
        facts = RunFacts(float(at), b"", True, True, setting)
        state = fold(state, facts, Observation(0o111, 1, 0, int(seconds * 1e6), 0))
    assert state is not None
    return state.durations, state.settings


def suite(runs: Sequence[tuple[float, bytes]], noise: float = 0.1) -> list[tuple[bytes, bytes]]:
    """Tests of 10 to 500 ms in runs of a pace each."""
    random = Random(7)
    return [
        lived((0.01 * at * pace * random.lognormvariate(0, noise), tag) for pace, tag in runs)
        for at in range(1, 51)
    ]


def test_where_one_setting_takes_longer_a_call_is_expected_to_take_as_long() -> None:
    states = suite([(1.0, FAST), (3.0, SLOW)] * 4)
    for setting, expected_s in ((FAST, 0.5), (SLOW, 1.5)):
        found = here(states, setting)
        assert found is not None
        calls, _ = window_of(*states[-1])
        usual = sorted(calls)[3]
        assert found.pace(*states[-1]) * usual == pytest.approx(expected_s, rel=0.3)


def test_a_test_that_is_slow_in_one_setting_only_is_told_by_its_own_calls() -> None:
    states = suite([(1.0, FAST), (3.0, SLOW)] * 4)
    odd = lived([(1.0, FAST), (1.0, SLOW)] * 4)
    found = here(states, SLOW)
    assert found is not None
    assert found.pace(*odd) == pytest.approx(1.0)


def test_a_test_that_did_not_run_here_takes_the_pace_of_the_others() -> None:
    found = here(suite([(1.0, FAST), (3.0, SLOW)] * 4), SLOW)
    assert found is not None
    paces = fitted([window_of(*each) for each in suite([(1.0, FAST), (3.0, SLOW)] * 4)])
    alone = lived([(1.0, FAST)] * 7)
    assert found.pace(*alone) == pytest.approx(paces.ratios[SLOW])


def test_settings_that_are_alike_leave_the_plain_median() -> None:
    assert here(suite([(1.0, FAST), (1.0, SLOW)] * 4), SLOW) is None


def test_a_setting_that_is_new_leaves_the_plain_median() -> None:
    states = suite([(1.0, FAST), (3.0, SLOW)] * 4)
    assert here(states, setting_of("3.13 linux", 0)) is None
    assert here(states, NO_SETTING) is None


def test_few_tests_say_nothing_about_a_setting() -> None:
    assert here(suite([(1.0, FAST), (3.0, SLOW)] * 4)[:9], SLOW) is None
    assert here([], SLOW) is None


def test_states_of_an_older_slim_copy_know_no_settings() -> None:
    durations, _ = lived([(1.0, SLOW)] * 7)
    assert window_of(durations, b"") == ((), ())
    assert here([(durations, b"")] * 50, SLOW) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.sampled_from([SLOW, FAST, NO_SETTING])),
        min_size=1,
        max_size=9,
    )
)
def test_a_pace_is_above_zero_whatever_was_recorded(calls: list[tuple[float, bytes]]) -> None:
    found = here(suite([(1.0, FAST), (3.0, SLOW)] * 4), FAST)
    assert found is not None
    durations, tags = lived(calls)
    assert len(tags) == 14
    assert found.pace(durations, tags) >= 0


def test_a_history_expects_durations_by_setting_and_shards_do_not(tmp_path: Path) -> None:
    random = Random(3)
    with open_history(tmp_path / "history.sqlite3") as history:
        for number in range(1, 9):
            pace, workers = ((1.0, 0), (4.0, 2))[number % 2]
            attempts = [
                attempt(f"test_a.py::t{at}", call_s=pace * 0.01 * at * random.uniform(0.9, 1.1))
                for at in range(1, 31)
            ]
            ingest_run(history, run(number, python="3.12.4", workers=workers), attempts)
        key = TestKey("test_a.py::t30")
        alone = history.recall(setting_of("3.12", 0))[key].call_s
        among = history.recall(setting_of("3.12", 2))[key].call_s
        plain = history.recall()[key].call_s
    assert alone == pytest.approx(0.3, rel=0.2)
    assert among == pytest.approx(1.2, rel=0.2)
    assert plain in (alone, among) or alone < plain < among
