"""`nexus flaky hunt`: repeat new or changed tests to find out whether they are flaky."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.arguments.options import positive, seconds
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.tests import advice, known_keys, spellings
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HuntError, PlanError, with_code
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.changes import find_change
from pytest_nexus.launch.collect import collect
from pytest_nexus.launch.hunt_round import run_round
from pytest_nexus.plan.flakiness.hunt import Hunted, after, due, round_of, verdicts
from pytest_nexus.project import add_history_option, history_path, project_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.flakiness.hunt import Round

ROUNDS: Final = 20
"""Enough rounds to find a flake rate of 14 % with 95 % certainty."""

_MAX_SEED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The limits of the hunt."""

    n_rounds: int | None
    ends_at: float | None
    """Moment on `clock.perf_counter`; None for no limit."""

    def allow(self, number: int, longest_s: float) -> bool:
        """Return whether another round may begin, if it takes as long as the longest one."""
        if self.n_rounds is not None and number >= self.n_rounds:
            return False
        is_in_time = self.ends_at is None or clock.perf_counter() + longest_s <= self.ends_at
        return number == 0 or is_in_time

    @property
    def left_s(self) -> float | None:
        """Seconds until the limit; None without a limit."""
        return None if self.ends_at is None else max(1.0, self.ends_at - clock.perf_counter())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "nodeids", nargs="*", metavar="NODEID", help="tests, files, folders (default: --change)"
    )
    parser.add_argument(
        "--change", action="store_true", help="also hunt new tests, and those of changed test files"
    )
    parser.add_argument(
        "--runs", type=positive, metavar="N", help=f"number of rounds ({ROUNDS} without --budget)"
    )
    parser.add_argument(
        "--budget", type=seconds, metavar="TIME", help="time for all rounds, such as 90s, 2m"
    )
    parser.add_argument(
        "--seed", type=natural, metavar="N", help="seed of the order of the first round"
    )
    parser.add_argument("--base", metavar="REVISION", help="revision to compare with")
    add_history_option(parser)
    add_json_option(parser)
    parser.epilog = "Arguments after -- are given to pytest in each session."
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Hunt; return 1 if a test both passed and failed."""
    arguments: list[str] = options.pytest_args
    stats = _stats(options.history)
    change = find_change(project_root(Path.cwd()), options.base, originals.environ)
    tests = _tests(options, arguments, stats, change)
    if not tests:
        note = f" ({change.note})" if change.note else ""
        say(with_code("NX703", f"nothing to hunt: no test is new or in a changed file{note}"))
        return 0
    hunted = _hunt(options, arguments, [_begun(test, stats) for test in tests])
    flaky = [one for one in hunted if one.is_flaky]
    if options.json:
        print_json([asdict(one) | {"flaky": one.is_flaky} for one in hunted])
    else:
        say(*verdicts(hunted))
    if flaky and (change.dirty or change.commit is None) and not options.json:
        say(
            with_code(
                "NX704",
                "there are uncommitted changes: `nexus flaky` cannot count these results",
            )
        )
    return 1 if flaky else 0


def _hunt(
    options: argparse.Namespace, arguments: Sequence[str], begun: Sequence[Hunted]
) -> list[Hunted]:
    hunted = {one.key: one for one in begun}
    n_rounds = options.runs or (None if options.budget else ROUNDS)
    started = clock.perf_counter()
    bounds = _Bounds(n_rounds, None if options.budget is None else started + options.budget)
    seed = int(clock.time()) % _MAX_SEED if options.seed is None else options.seed
    longest_s = 0.0
    with TemporaryDirectory(prefix="nexus-hunt-") as folder:
        number = 0
        while bounds.allow(number, longest_s):
            this = round_of(number, seed)
            number += 1
            running = due(hunted.values(), this.number, n_rounds)
            if not running:
                if all(one.is_flaky for one in hunted.values()):
                    break
                continue
            shown, took_s = run_round(this, running, arguments, Path(folder), bounds.left_s)
            longest_s = max(longest_s, took_s)
            for one in running:
                hunted[one.key] = after(one, this, shown.get(one.key, ()))
            _say(options, this, running, took_s, [hunted[one.key] for one in running])
    return list(hunted.values())


def _say(
    options: argparse.Namespace,
    this: Round,
    running: Sequence[Hunted],
    took_s: float,
    now: Sequence[Hunted],
) -> None:
    if options.json:
        return
    flaky = sum(one.is_flaky for one in now)
    found = f"; {flaky:,} flaky" if flaky else ""
    say(f"{this.text}: {counted(len(running), 'test')} in {took_s:.1f} s{found}")


def _tests(
    options: argparse.Namespace,
    arguments: Sequence[str],
    stats: Mapping[TestKey, TestStats],
    change: Change,
) -> list[CollectedTest]:
    """Return the named tests and, if requested, the tests that are new or in a changed file.

    Without a history every test is new, but none counts as new.
    """
    named = _named(options.nodeids, arguments) if options.nodeids else []
    if options.nodeids and not options.change:
        return named
    changed = {file.path for file in change.files if file.status != "D"}
    known = {test.key for test in named}
    return named + [
        test
        for test in collect(arguments).tests
        if test.key not in known and (test.path in changed or (stats and test.key not in stats))
    ]


def _named(typed: Sequence[str], arguments: Sequence[str]) -> list[CollectedTest]:
    """Return the named tests: by pytest's own reading of the ids, or else by any of their ids.

    Raises:
        HuntError: an id names no test; the message suggests similar ids.
        PlanError: the suite could not be collected.
    """
    try:
        return collect([*arguments, *typed]).tests
    except PlanError:
        tests = collect([*arguments, *_files_of(typed)], project_root(Path.cwd())).tests
    functions = {test.key: test.function_key for test in tests}
    chosen: set[TestKey] = set()
    for each in typed:
        spelled = spellings(each)
        keys = {test.key for test in tests if test.nodeid in spelled}
        keys = keys or set(known_keys(each, functions))
        if not keys:
            every = {test.key: test.function_key for test in collect(arguments).tests}
            raise HuntError("NX521", f"pytest collects no test {each!r}; {advice(each, every)}")
        chosen |= keys
    return [test for test in tests if test.key in chosen]


def _files_of(typed: Sequence[str]) -> list[str]:
    """Return the files to search for tests; empty, for all files, if one of them does not exist."""
    root = project_root(Path.cwd())
    found = []
    for each in typed:
        paths = [spelled.partition("::")[0] for spelled in spellings(each)]
        existing = [path for path in paths if (root / path).exists()]
        if not existing:
            return []
        found.append(existing[0])
    return list(dict.fromkeys(found))


def _begun(test: CollectedTest, stats: Mapping[TestKey, TestStats]) -> Hunted:
    known = stats.get(test.key)
    expected_s = 0.0 if known is None else known.duration_s
    return Hunted(test.key, test.nodeid, test.path, expected_s)


def _stats(given: str | None) -> Mapping[TestKey, TestStats]:
    take_in_waiting(given)
    history = read_history(history_path(given))
    if history is None:
        return {}
    with history:
        return history.stats()
