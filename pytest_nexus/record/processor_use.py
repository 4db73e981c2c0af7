"""Measure the processor time of a session: of its process, its children and its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pytest_nexus.domain.system import clock
from pytest_nexus.record.machine import CORES

if TYPE_CHECKING:
    import pytest

PROCESSOR: Final = "nexus_processor"
"""Name under which a worker sends its processor seconds: of its collection, and of all."""


class ProcessorUse(NamedTuple):
    """Processor time of a session."""

    total_s: float
    """Processor seconds of the process, its children and its workers."""
    collect_s: float
    """The part before the first test: start, imports and collection."""
    cores: int
    """Logical cores that the session may use."""


class ProcessorMeter:
    """Adds up the processor time of one session, in the single process or on the controller."""

    def __init__(self) -> None:
        self._started_s = clock.processor_s()
        self._own_started_s = clock.own_processor_s()
        self._collected_s: float | None = None
        self._workers: list[tuple[float, float] | None] = []
        """Of each worker that ended; None for a worker that sent nothing, such as a crashed one."""

    def note_collected(self) -> None:
        """Note that the collection has ended."""
        if self._collected_s is None:
            self._collected_s = clock.processor_s() - self._started_s

    def add(self, node: Any) -> None:
        """Add a worker that ended, with what it sent."""
        self._workers.append(_sent(getattr(node, "workeroutput", {}).get(PROCESSOR)))

    def use(self) -> ProcessorUse | None:
        """Return what the session used so far; None if a worker did not say what it used.

        The workers are children of the controller and measure themselves, so the controller counts
        its own process only.
        """
        if not self._workers:
            total_s = clock.processor_s() - self._started_s
            return _use(total_s, self._collected_s or 0.0)
        sent = [each for each in self._workers if each is not None]
        if len(sent) < len(self._workers):
            return None
        own_s = clock.own_processor_s() - self._own_started_s
        return _use(own_s + sum(total for _, total in sent), sum(collect for collect, _ in sent))


class WorkerMeter:
    """Sends the processor time of a worker to the controller, from the start of its process."""

    def __init__(self) -> None:
        self._collected_s = 0.0

    def pytest_collection_finish(self) -> None:
        """Note that the collection has ended."""
        self._collected_s = clock.processor_s()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Add the seconds to the data that xdist sends after this hook."""
        sent = [self._collected_s, clock.processor_s()]
        cast("Any", session.config).workeroutput[PROCESSOR] = sent


def _use(total_s: float, collect_s: float) -> ProcessorUse:
    whole = max(0.0, total_s)
    return ProcessorUse(whole, min(max(0.0, collect_s), whole), CORES)


def _sent(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    collect_s, total_s = value
    if not isinstance(collect_s, float) or not isinstance(total_s, float):
        return None
    return (collect_s, total_s) if 0.0 <= collect_s <= total_s else None
