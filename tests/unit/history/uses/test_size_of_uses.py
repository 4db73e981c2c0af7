"""What a slim copy costs for a large suite whose tests use many functions each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history, read_history
from tests.support.builders import attempt, run
from tests.support.large_uses import large_uses

if TYPE_CHECKING:
    from pathlib import Path

N_TESTS = 5000
MOST_BYTES_PER_TEST = 400


def test_slim_copy_takes_few_bytes_for_each_test(tmp_path: Path) -> None:
    sizes = []
    with (
        open_history(tmp_path / "with") as history,
        open_history(tmp_path / "without") as bare,
    ):
        for version in (1, 2):
            changed = f"networkx/algorithms/part_{version}/module_{version}.py"
            uses = large_uses(N_TESTS, changed={changed, f"{changed}::function_1"})
            attempts = [attempt(test.key) for test in uses.tests]
            ingest_run(history, run(version), attempts, uses=uses)
            ingest_run(bare, run(version), attempts)
        for each in (history, bare):
            slim = tmp_path / f"slim-{len(sizes)}"
            each.export(slim, slim=True)
            sizes.append(slim.stat().st_size)
        expected = dict(history.uses().fingerprints)
    assert (sizes[0] - sizes[1]) / N_TESTS <= MOST_BYTES_PER_TEST
    with read_history(tmp_path / "slim-0") as copy:  # type: ignore[union-attr] # just made
        assert {key: len(found) for key, found in copy.uses().fingerprints.items()} == {
            key: len(found) for key, found in expected.items()
        }
    assert len(expected) == N_TESTS
