"""The state machine of the shared queue against a real server; shorter than against SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from pytest_nexus.history.shared_queue.databases import PostgresDatabase
from tests.support.queue_machine import NOW, QueueMachine

if TYPE_CHECKING:
    from pytest_nexus.history.shared_queue.databases import Cursor
    from tests.support.postgresql import Server


def test_jobs_lose_and_double_nothing(postgresql: Server) -> None:
    shared = PostgresDatabase(postgresql.new_database())
    shared.transact(_make_clock)
    shared.now = NOW

    class OnPostgresql(QueueMachine):
        def database(self) -> PostgresDatabase:
            return shared

    try:
        run_state_machine_as_test(
            OnPostgresql,
            settings=settings(max_examples=6, stateful_step_count=25, deadline=None),
        )
    finally:
        shared.close()


def _make_clock(cursor: Cursor) -> None:
    cursor.execute("create table nexus_queue_clock (at double precision)")
    cursor.execute("insert into nexus_queue_clock values (0)")
