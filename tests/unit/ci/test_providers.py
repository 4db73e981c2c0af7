"""One row of the table is all that a CI needs."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_nexus.ci.branches import branch, default_branch, named_bases, target_branch
from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.ci.parallel_jobs import shard_of
from pytest_nexus.ci.providers import PROVIDERS, Provider

COMMIT = "c" * 40
ROWS = pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)


@ROWS
def test_the_run_of_a_row_is_read_by_its_names(row: Provider) -> None:
    if not row.run_id:
        assert ci_run({row.sign: "true"}) is None
        return
    names = {row.sign: "true", row.run_attempt: "2", row.run_number: "7", row.run_id: "7"}
    names |= {row.workflow: "flow", row.job: "unit"}
    names.pop("", None)
    found = ci_run(names)
    assert found is not None
    assert (found.provider, found.run_id, found.run_number) == (row.name, "7", 7)
    assert found.workflow == ("flow" if row.workflow else "")
    assert found.job == ("unit" if row.job else "")
    expected = 2 + 1 - row.first_attempt if row.run_attempt else 1
    assert found.run_attempt == expected


@ROWS
def test_the_parallel_jobs_of_a_row_are_counted_from_its_first(row: Provider) -> None:
    if not row.n_jobs:
        assert shard_of({row.sign: "true"}) is None
        return
    for number in (1, 4):
        names = {row.job_index: str(number - 1 + row.first_job), row.n_jobs: "4"}
        assert shard_of(names) == (number, 4)


@ROWS
def test_the_branches_of_a_row_are_found(row: Provider) -> None:
    for name in row.branches:
        assert branch({name: "work"}) == "work"
    for name in row.target_branches:
        assert target_branch({name: "main"}) == "main"
    for name in row.base_commits:
        assert named_bases({name: COMMIT}) == (COMMIT,)
    for name in row.default_branches:
        assert default_branch({name: "trunk"}) == "trunk"


def test_no_two_rows_share_a_name_or_a_sign() -> None:
    for field in ("name", "title", "sign"):
        assert len({getattr(row, field) for row in PROVIDERS}) == len(PROVIDERS)


def test_every_field_of_a_row_is_used_by_some_ci() -> None:
    for field in dataclasses.fields(Provider):
        if field.default is not dataclasses.MISSING:
            assert any(getattr(row, field.name) != field.default for row in PROVIDERS), field.name
