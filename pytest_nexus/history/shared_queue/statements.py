"""The tables and statements of a shared queue, for SQLite and PostgreSQL.

Braces hold what differs: the clock of the database, and the locks on rows, which SQLite does not
need because a transaction that writes there is alone. Every value is a parameter.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = (
    """create table if not exists nexus_queue_runs (
        run text primary key, digest text not null, units integer not null,
        created_at double precision not null,
        stopped_by text not null default '')""",
    """create table if not exists nexus_queue_jobs (
        run text not null, token text not null, job text not null,
        workers integer not null, seen_at double precision not null,
        primary key (run, token))""",
    """create table if not exists nexus_queue_units (
        run text not null, unit integer not null, tests text not null,
        seconds double precision not null, state text not null default 'free',
        job text not null default '', token text not null default '',
        fence integer not null default 0, lease_until double precision not null default 0,
        n_expired integer not null default 0, primary key (run, unit))""",
    """create table if not exists nexus_queue_results (
        run text not null, unit integer not null, fence integer not null, job text not null,
        finished_at double precision not null, primary key (run, unit, fence))""",
    """create index if not exists nexus_queue_by_turn
        on nexus_queue_units (run, state, unit)""",
    """create index if not exists nexus_queue_by_length
        on nexus_queue_units (run, state, seconds)""",
)

COUNT_JOB: Final = "select count(*) from nexus_queue_jobs where run = ? and job = ?"
ADD_JOB: Final = """insert into nexus_queue_jobs (run, token, job, workers, seen_at)
    values (?, ?, ?, ?, {now})"""
FREE_EARLIER: Final = """update nexus_queue_units set state = 'free', fence = fence + 1
    where run = ? and job = ? and token <> ? and state = 'leased'"""
"""A job that was started again takes the place of its earlier self, whose leases end."""
DIGEST: Final = "select digest from nexus_queue_runs where run = ?"

OLDEST: Final = """select run from nexus_queue_runs where created_at < {now} - ?
    order by created_at limit ?{lock}"""
FORGET: Final = "delete from nexus_queue_{table} where run in ({marks})"
ADD_RUN: Final = """insert into nexus_queue_runs (run, digest, units, created_at)
    values (?, ?, ?, {now})
    on conflict (run) do nothing"""
ADD_UNIT: Final = "insert into nexus_queue_units (run, unit, tests, seconds) values (?, ?, ?, ?)"

EXPIRE: Final = """update nexus_queue_units
    set state = case when n_expired + 1 >= ? then 'lost' else 'free' end,
        n_expired = n_expired + 1, fence = fence + 1
    where run = ? and unit in (
        select unit from nexus_queue_units
        where run = ? and state = 'leased' and lease_until < {now}{lock})"""
LONGEST: Final = """select unit, tests, fence, seconds, n_expired from nexus_queue_units
    where run = ? and state = 'free' and seconds >= ? order by seconds desc, unit limit 1{lock}"""
NEXT: Final = """select unit, tests, fence, seconds, n_expired from nexus_queue_units
    where run = ? and state = 'free' order by unit limit ?{lock}"""
LEASE: Final = """update nexus_queue_units
    set state = 'leased', job = ?, token = ?, fence = fence + 1, lease_until = {now} + ?
    where run = ? and unit in ({marks})"""

SEEN: Final = "update nexus_queue_jobs set seen_at = {now} where run = ? and token = ?"
PROLONG: Final = """update nexus_queue_units set lease_until = {now} + ?
    where run = ? and token = ? and state = 'leased' and unit in ({marks})"""
HELD: Final = """select unit, tests, fence, n_expired from nexus_queue_units
    where run = ? and token = ? and state = 'leased' order by unit"""
OWNED: Final = """select unit, fence - case state when 'leased' then 0 else 1 end
    from nexus_queue_units where run = ? and unit in ({marks}) and token = ? and state <> 'done'
    order by unit{wait}"""
"""Unit and fence of the last lease, where this job had it and no other job has taken the unit; the
lease may have expired."""
DONE: Final = """update nexus_queue_units set state = 'done'
    where run = ? and unit in ({marks})"""
RECORDED_BEFORE: Final = """select unit, fence from nexus_queue_results
    where run = ? and unit in ({marks}) and job = ?"""
RESULT: Final = """insert into nexus_queue_results (run, job, finished_at, unit, fence)
    select ?, ?, {now}, unit, fence - case state when 'leased' then 0 else 1 end
    from nexus_queue_units
    where run = ? and unit in ({marks}) on conflict do nothing"""
GIVE_BACK: Final = """update nexus_queue_units set state = 'free', fence = fence + 1
    where run = ? and unit = ? and token = ? and fence = ? and state = 'leased'"""
STOP: Final = "update nexus_queue_runs set stopped_by = ? where run = ? and stopped_by = ''"
STOPPED: Final = "select stopped_by from nexus_queue_runs where run = ?"

BY_STATE: Final = """select state, count(*), sum(seconds), max(seconds) from nexus_queue_units
    where run = ? and state in ('free', 'leased', 'lost') group by state"""
"""Units that are done are not counted, because there are most of them."""
UNITS: Final = "select units from nexus_queue_runs where run = ?"
WORKERS: Final = """select coalesce(sum(workers), 0) from nexus_queue_jobs
    where run = ? and seen_at > {now} - ?"""
RECORDED: Final = """select u.unit, u.tests, r.fence
    from nexus_queue_results r join nexus_queue_units u on u.run = r.run and u.unit = r.unit
    where r.run = ? and r.job = ? order by r.finished_at, u.unit"""
TESTS: Final = "select tests from nexus_queue_units where run = ?"
LOST: Final = "select tests from nexus_queue_units where run = ? and state = 'lost'"
