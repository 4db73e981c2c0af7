"""The processor time of a session: of the process, of its children, of its workers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_nexus.domain.system import clock
from pytest_nexus.record.machine import CORES
from pytest_nexus.record.processor_use import PROCESSOR, ProcessorMeter, WorkerMeter


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The processor seconds that the system reports, to be set by a test."""
    now = {"own": 5.0, "children": 1.0}
    monkeypatch.setattr(clock, "_times", lambda: (now["own"], 0.0, now["children"], 0.0, 0.0))
    return now


def node(sent: object) -> Any:
    return SimpleNamespace(workeroutput={PROCESSOR: sent})


def test_a_single_process_counts_itself_and_its_children(times):
    meter = ProcessorMeter()
    times["own"] = 7.0
    meter.note_collected()
    times.update(own=10.0, children=4.0)
    assert meter.use() == (8.0, 2.0, CORES)


def test_a_controller_counts_its_workers_and_not_its_children(times):
    meter = ProcessorMeter()
    meter.add(node([1.0, 4.0]))
    meter.add(node([0.5, 2.0]))
    times.update(own=6.0, children=99.0)
    assert meter.use() == (7.0, 1.5, CORES)


@pytest.mark.parametrize("sent", [None, [2.0, 1.0], [1.0], ["1", 2.0], [-1.0, 2.0], 7])
def test_a_worker_that_does_not_say_makes_the_whole_unknown(times, sent):
    meter = ProcessorMeter()
    meter.add(node([1.0, 4.0]))
    meter.add(node(sent))
    assert meter.use() is None


def test_a_crashed_worker_makes_the_whole_unknown(times):
    meter = ProcessorMeter()
    meter.add(SimpleNamespace())
    assert meter.use() is None


def test_a_clock_that_goes_back_gives_no_negative_use(times):
    meter = ProcessorMeter()
    times["own"] = 1.0
    meter.note_collected()
    assert meter.use() == (0.0, 0.0, CORES)


def test_a_worker_sends_what_its_process_used(times):
    meter, config = WorkerMeter(), SimpleNamespace(workeroutput={})
    meter.pytest_collection_finish()
    times["own"] = 9.0
    meter.pytest_sessionfinish(SimpleNamespace(config=config))
    assert config.workeroutput == {PROCESSOR: [6.0, 10.0]}
