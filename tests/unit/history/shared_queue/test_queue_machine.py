from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from pytest_nexus.errors import OptionError, QueueAwayError
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.databases import SqliteDatabase
from pytest_nexus.history.shared_queue.sql_queue import MOST_EXPIRIES, Job, SqlQueue
from pytest_nexus.plan.shared_queue.work import Aim, WorkUnit
from tests.support.queue_machine import NOW, QueueMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.history.shared_queue.databases import Cursor


class _OnSqlite(QueueMachine):
    def database(self) -> SqliteDatabase:
        database = SqliteDatabase(Path(":memory:"))  # a file would wait for the disk
        database.transact(_make_clock)
        database.now = NOW
        return database

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.db.close()


def _make_clock(cursor: Cursor) -> None:
    cursor.execute("create table nexus_queue_clock (at double precision)")
    cursor.execute("insert into nexus_queue_clock values (0)")


TestOnSqlite = _OnSqlite.TestCase
TestOnSqlite.settings = settings(stateful_step_count=25)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    found = SqliteDatabase(tmp_path / "q.db")
    yield found
    found.close()


def test_unit_whose_jobs_all_die_is_lost_by_name(database: SqliteDatabase) -> None:
    queue = SqlQueue(database, Job("run", "job", "token"), lease_s=-1.0)
    queue.join()
    queue.load([WorkUnit((0,), 1.0), WorkUnit((1,), 1.0)], "digest")
    aim = Aim(1.0, 1, 99.0)

    numbers = []
    for _ in range(MOST_EXPIRIES):
        numbers += [unit.number for unit in queue.claim(aim)]
        queue.state()

    assert numbers == [0] * MOST_EXPIRIES
    assert [unit.number for unit in queue.claim(aim)] == [1]
    assert queue.lost() == [0]
    assert queue.state().n_lost == 1


def test_only_the_unit_that_ends_its_process_is_lost(database: SqliteDatabase) -> None:
    queue = SqlQueue(database, Job("run", "job", "token"), lease_s=-1.0)
    queue.join()
    queue.load([WorkUnit((number,), 1.0) for number in range(60)], "digest")

    batches = []
    while queue.state().n_open:
        batches.append(queue.claim(Aim(99.0, 60, 999.0)))
        if 20 not in {unit.number for unit in batches[-1]}:
            queue.finish(batches[-1])

    assert queue.lost() == [20]
    assert len(batches[0]) == 60
    assert len(batches) < 25, "one by one, there would be 62"


def test_result_of_an_earlier_lease_is_refused(database: SqliteDatabase) -> None:
    slow = SqlQueue(database, Job("run", "slow", "1"), lease_s=-1.0)
    other = SqlQueue(database, Job("run", "other", "2"))
    slow.load([WorkUnit((0,), 1.0)], "digest")
    aim = Aim(1.0, 1, 99.0)
    (late,) = slow.claim(aim)
    assert other.state().n_free == 1
    (current,) = other.claim(aim)

    assert slow.finish([late]) == [late]
    assert other.finish([current]) == []
    assert other.finish([current]) == []
    assert slow.finish([late]) == [late]
    assert other.state().n_done == 1


def test_expired_unit_that_nobody_took_is_handed_in(database: SqliteDatabase) -> None:
    slow = SqlQueue(database, Job("run", "slow", "1"), lease_s=-1.0)
    slow.load([WorkUnit((0,), 1.0)], "digest")
    batch = slow.claim(Aim(1.0, 1, 99.0))

    assert slow.state().n_free == 1
    assert slow.finish(batch) == []
    assert slow.state().n_done == 1


def test_long_unit_goes_first_when_it_is_time(database: SqliteDatabase) -> None:
    queue = SqlQueue(database, Job("run", "job", "token"))
    queue.load([WorkUnit((n,), seconds) for n, seconds in enumerate((1.0, 1.0, 50.0))], "digest")

    (long,) = queue.claim(Aim(30.0, 3, long_s=26.0))
    rest = queue.claim(Aim(30.0, 3, long_s=26.0))

    assert long.number == 2
    assert [unit.number for unit in rest] == [0, 1]


def test_first_of_equally_long_units_goes_first(database: SqliteDatabase) -> None:
    queue = SqlQueue(database, Job("run", "job", "token"))
    queue.load([WorkUnit((n,), 2.0) for n in range(3)], "digest")

    assert [queue.claim(Aim(9.0, 3, long_s=1.0))[0].number for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("name", ["x'); drop table nexus_queue_runs; --", '"', "%s ? {now}", "é\n"])
def test_ids_are_values_and_not_statements(database: SqliteDatabase, name: str) -> None:
    queue = SqlQueue(database, Job(name, name, name))
    queue.join()
    assert queue.load([WorkUnit((0,), 1.0)], name)

    (unit,) = queue.claim(Aim(1.0, 1, 99.0))
    queue.finish([unit])
    queue.stop()

    assert queue.state().stopped_by == name
    assert queue.state().n_done == 1
    assert queue.digest() == name


def test_file_that_is_no_database_is_a_queue_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "q.db").write_text("no database, but long enough to look like one" * 20)

    queue = open_queue("sqlite:///q.db", tmp_path, Job("run", "job", "token"))

    with pytest.raises(QueueAwayError, match="does not answer: q"):
        queue.join()


def test_address_of_another_kind_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        open_queue("mysql://user:hidden@host/db", tmp_path, Job("run", "job", "token"))
    assert "hidden" not in str(caught.value)
