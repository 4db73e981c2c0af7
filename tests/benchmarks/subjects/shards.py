"""How even shards are: the longest over what no split can beat, beside peers and hashing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Forecast
from pytest_nexus.plan.sharding.split import divide
from tests.benchmarks.duration_sets import DurationSet, duration_sets
from tests.benchmarks.processes import environment
from tests.benchmarks.table import Table, within
from tests.support.builders import collected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

    Splitter = Callable[[DurationSet, int], Sequence[int]]
    """Returns the shard of each test, from 1, for a number of shards."""

TITLE = "longest shard / lower bound, beside pytest-split and hashing"

MAX_RATIO: Final = 1.02
N_SHARDS: Final = (2, 4, 8, 16, 32)
_NEXUS: Final = "nexus"
_BLOCKS: Final = "nexus, module blocks"
_PEER: Final = Path(__file__).parents[1] / "split_peer.py"
_PEER_ALGORITHMS: Final = ("least_duration", "duration_based_chunks")


def measure(bench: Bench) -> list[Table]:
    """Split every set of durations by every algorithm, and time it with the same durations."""
    splitters = _splitters(bench)
    numbers = N_SHARDS[: bench.size(len(N_SHARDS), 2)]
    sets = list(duration_sets())
    note = (
        "Bound: max(longest test, total / N). Durations are known exactly, so this is the quality"
        " of the split and not of the forecast. Module blocks keep the tests of a file together"
        " unless the file alone exceeds total / N; the other nexus line and the peers move each"
        " test alone, except that hashing by file keeps files. Judged are both lines of nexus."
    )
    tables = []
    for each in sets[: bench.size(len(sets), 2)]:
        rows = [_row(each, name, split, numbers) for name, split in splitters.items()]
        tables.append(Table(_title(each, numbers), rows, note if not tables else ""))
    return tables


def _title(each: DurationSet, numbers: Sequence[int]) -> str:
    total, longest = sum(each.durations_s), max(each.durations_s)
    ruled = [str(n) for n in numbers if longest > total / n]
    files = len({_file(nodeid) for nodeid in each.nodeids})
    bound = f"; longest test is the bound for N = {', '.join(ruled)}" if ruled else ""
    size = f"{len(each.nodeids):,} tests in {files:,} files, {total:,.2f} s"
    return f"{each.name}: {size}, longest {longest:,.3f} s{bound}"


def _row(
    each: DurationSet, name: str, split: Splitter, numbers: Sequence[int]
) -> Mapping[str, Cell]:
    ratios = {n: _ratio(each.durations_s, split(each, n), n) for n in numbers}
    row: dict[str, Cell] = {"split": name}
    row.update((f"N = {n}", f"{ratio:.3f}") for n, ratio in ratios.items())
    if name in {_NEXUS, _BLOCKS}:
        missed = [f"N = {n}" for n, ratio in ratios.items() if ratio > MAX_RATIO]
        verdict = within(max(ratios.values()), MAX_RATIO, "x")
        row["budget"] = f"{verdict} ({', '.join(missed)})" if missed else verdict
    return row


def _ratio(durations_s: Sequence[float], shards: Sequence[int], n_shards: int) -> float:
    loads = [0.0] * n_shards
    for shard, duration_s in zip(shards, durations_s, strict=True):
        loads[shard - 1] += duration_s
    return max(loads) / max(*durations_s, sum(durations_s) / n_shards)


def _splitters(bench: Bench) -> dict[str, Splitter]:
    splitters: dict[str, Splitter] = {
        _NEXUS: lambda each, n: _nexus(each, n, with_blocks=False),
        _BLOCKS: lambda each, n: _nexus(each, n, with_blocks=True),
    }
    peer = bench.environment("pytest-split")
    if peer is not None:
        splitters |= dict(_peer_splitters(peer.python))
    splitters["hash of the test"] = lambda each, n: [_hashed(name, n) for name in each.nodeids]
    splitters["hash of the file"] = lambda each, n: [
        _hashed(_file(name), n) for name in each.nodeids
    ]
    return splitters


def _nexus(each: DurationSet, n_shards: int, *, with_blocks: bool) -> Sequence[int]:
    tests = [
        collected(nodeid, (f"module:{_file(nodeid)}",) if with_blocks else ())
        for nodeid in each.nodeids
    ]
    forecasts = [Forecast(0.01, duration_s) for duration_s in each.durations_s]
    return divide(tests, forecasts, {}, n_shards).shards


def _peer_splitters(python: Path) -> Iterator[tuple[str, Splitter]]:
    for algorithm in _PEER_ALGORITHMS:

        def split(each: DurationSet, n: int, algorithm: str = algorithm) -> Sequence[int]:
            asked = {"algorithm": algorithm, "splits": n, "tests": list(each)}
            done = subprocess.run(
                (python, _PEER), input=json.dumps(asked), capture_output=True, text=True,
                env=environment(), check=True,
            )  # fmt: skip
            shards: list[int] = json.loads(done.stdout)
            return shards

        yield f"pytest-split {algorithm}", split


def _hashed(name: str, n_shards: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % n_shards + 1


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
