"""`nexus simulate`: replay stored runs with other shards, workers and orders."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.records import BAD, MAX_SHARDS, CollectedTest
from pytest_nexus.domain.system.console import say, warn_of
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.errors import HistoryError
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.launch.shared_fixtures import add_collect_option, collected_suite
from pytest_nexus.plan.simulation import PastRun, Setting, Simulated, mean, simulate
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import Attempt, Run, TestKey, TestStats
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History

    _Suite = Mapping[TestKey, tuple[int, CollectedTest]]
    """The tests as collected now, by key, with their position in the collection."""

LAST: Final = 5
WARM_UP: Final = 30
"""Number of earlier runs that are folded first: rates and medians hardly use older runs."""

_MAX_WORKERS: Final = 256
_COLUMNS: Final = (
    "shards",
    "workers",
    "order",
    "seconds",
    "bound",
    "ratio",
    "balance",
    "first_failure",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--shards", nargs="+", type=_Count(MAX_SHARDS), default=[1, 2, 4, 8], metavar="N"
    )
    parser.add_argument(
        "--workers", nargs="+", type=_Count(_MAX_WORKERS), default=[1], metavar="W",
        help="xdist workers in each shard (1)",
    )  # fmt: skip
    parser.add_argument("--order", nargs="+", choices=("risk", "off"), default=["risk"])
    parser.add_argument(
        "--last", type=_Count(1000), default=LAST, metavar="K", help=f"runs to replay ({LAST})"
    )
    add_history_option(parser)
    add_json_option(parser)
    add_collect_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the mean over the last complete runs for each setting."""
    orders: list[Literal["risk", "off"]] = options.order
    settings = [
        Setting(shards, workers, order)
        for shards, workers, order in product(options.shards, options.workers, orders)
    ]
    forecaster = forecast.load(lose=warn_of)
    results: dict[Setting, list[Simulated]] = {setting: [] for setting in settings}
    take_in_waiting(options.history)
    n_shared = 0
    with ProgressBar("runs replayed", is_quiet=options.json) as bar:
        for n_done, past in enumerate(_past_runs(options), 1):
            n_shared += sum(bool(test.scopes) for test in past.tests)
            for setting in settings:
                results[setting].append(simulate(past, setting, forecaster))
            bar(n_done, max(options.last, n_done))
    n_runs = len(results[settings[0]])
    means = {setting: mean(found) for setting, found in results.items()}
    if options.json:
        print_json([asdict(setting) | asdict(found) for setting, found in means.items()])
        return 0
    print_table([_row(setting, found) for setting, found in means.items()], _COLUMNS)
    shared = (
        "tests that share fixtures move together, as in a session"
        if n_shared
        else "no test is known to share a fixture with others"
    )
    say("", f"mean of {n_runs} runs; {shared}")
    return 0


def _row(setting: Setting, found: Simulated) -> dict[str, object]:
    first = found.first_failure_s
    return {
        "shards": setting.shards,
        "workers": setting.workers,
        "order": setting.order,
        "seconds": round(found.makespan_s, 2),
        "bound": round(found.bound_s, 2),
        "ratio": round(found.makespan_s / found.bound_s, 3) if found.bound_s > 0 else None,
        "balance": round(found.balance, 3),
        "first_failure": None if first is None else round(first, 2),
    }


def _past_runs(options: argparse.Namespace) -> Iterator[PastRun]:
    """Yield the last complete runs of the whole suite, oldest first.

    Raises:
        HistoryError: there is no history, or no run of it can be replayed.
    """
    path, last = history_path(options.history), options.last
    with required_history(options.history) as history:
        summaries = history.runs()
        replayed = {one.run.run_uid for one in [s for s in summaries if _is_whole(s)][:last]}
        if history.is_slim or not replayed:
            raise HistoryError(
                "NX516",
                f"History {path!s} has no run of the whole suite to replay;"
                " run pytest with --nexus, without options such as -k or -x",
            )
        oldest = max(at for at, one in enumerate(summaries) if one.run.run_uid in replayed)
        window = [one.run for one in summaries[: oldest + 1 + WARM_UP]][::-1]
        files = dict.fromkeys(key.partition("::")[0] for key in history.stats())
        suite = {test.key: (at, test) for at, test in enumerate(collected_suite(options, files))}
        yield from _replayed(history, window, replayed, suite)


def _is_whole(summary: RunSummary) -> bool:
    stored = summary.run
    return stored.complete and not stored.selected_by and stored.source != "durations"


def _replayed(
    history: History, runs: Sequence[Run], wanted: set[str], suite: _Suite
) -> Iterator[PastRun]:
    with (
        TemporaryDirectory(prefix="nexus-simulate-") as folder,
        open_history(Path(folder) / "history.sqlite3") as known,
    ):
        for stored in runs:
            attempts = list(history.attempts(stored.run_uid))
            if stored.run_uid in wanted:
                yield _past(stored, attempts, known.stats(), suite)
            ingest_run(known, stored, attempts)


def _past(
    stored: Run, attempts: Sequence[Attempt], stats: Mapping[TestKey, TestStats], suite: _Suite
) -> PastRun:
    """Return a run in collection order if the suite is known; else in the order of the run."""
    first = [attempt for attempt in attempts if attempt.number == 1]
    first.sort(key=lambda one: suite[one.key][0] if one.key in suite else len(suite))
    tests = tuple(
        suite[one.key][1]
        if one.key in suite
        else CollectedTest(one.nodeid, one.key, one.function_key, one.key.partition("::")[0])
        for one in first
    )
    failing = frozenset(index for index, one in enumerate(first) if one.outcome in BAD)
    durations = tuple(one.duration_s for one in first)
    setups = tuple(one.setup.duration_s if one.setup is not None else 0.0 for one in first)
    return PastRun(tests, durations, failing, stored.change, stats, setups if suite else ())


class _Count:
    """An argparse type: a number from 1 to a limit."""

    def __init__(self, highest: int) -> None:
        self._highest = highest

    def __call__(self, text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 10:
            number = int(text)
            if 1 <= number <= self._highest:
                return number
        raise argparse.ArgumentTypeError(f"must be from 1 to {self._highest}, got {text!r}")
