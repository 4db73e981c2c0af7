"""The lines of a job of a shared queue, written and read again, and read from other hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.journal.shared_queue.queue_lines import (
    batch_lines,
    queue_lines,
    read_queue_journal,
)
from pytest_nexus.journal.shared_queue.queue_lines import test_lines as lines_of_tests
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.verification.queue_journals import Draws
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def written(folder: Path, *lines: str, batches: Iterable[str] = ()) -> Path:
    """A journal of a job with one attempt of 0.102 s, which ended."""
    writer = JournalWriter.create(folder, run(1))
    writer.plan(queue_lines("run", "job", 1, "digest"))
    writer.plan(lines_of_tests("queued", ["a.py::x", "a.py::y"]))
    writer.plan(batches)
    writer.attempt(attempt("a.py::x"))
    writer.plan(lines)
    writer.end(1.0, 0, complete=True)
    writer.close()
    return writer.path


def test_what_a_job_drew_is_read_again(tmp_path: Path) -> None:
    found = read_queue_journal(
        written(tmp_path, *batch_lines(0, 1.5), batches=[*batch_lines(2, 0.25)])
    )
    assert found is not None
    assert (found.queue_run, found.job, found.retry) == ("run", "job", 1)
    assert found.tests == {"queued": ("a.py::x", "a.py::y")}
    assert found.draws == Draws(n_batches=1, n_tests=2, idle_s=1.5)
    assert found.busy_s == pytest.approx(0.102)


def test_a_journal_without_batches_says_nothing_of_them(tmp_path: Path) -> None:
    found = read_queue_journal(written(tmp_path))
    assert found is not None
    assert found.draws is None


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"queue_batch","tests":-1,"idle":1.0}',
        '{"kind":"queue_batch","tests":1,"idle":1e999}',
        '{"kind":"queue_batch","tests":1e9,"idle":1}',
        '{"kind":"queue_batch","tests":true,"idle":1}',
        '{"kind":"queue_batch","tests":1}',
        '{"kind":"queue_batch","what":"queued"}',
    ],
)
def test_impossible_batches_are_dropped(tmp_path: Path, line: str) -> None:
    found = read_queue_journal(written(tmp_path, f"{line}\n", *batch_lines(0, 2.0)))
    assert found is not None
    assert found.draws == Draws(0, 0, 2.0)
