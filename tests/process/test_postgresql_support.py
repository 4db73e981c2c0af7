"""The private server of the tests answers, stops and starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.postgresql import Server


def test_server_keeps_its_databases_over_a_restart(postgresql: Server) -> None:
    psycopg = pytest.importorskip("psycopg")
    url = postgresql.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("create table kept (value int)")
    postgresql.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgresql.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
