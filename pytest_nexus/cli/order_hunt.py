"""`nexus order hunt`: run the suite in other orders, to find order-dependent tests."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.options import positive, seconds
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json
from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import complain, say
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HuntError
from pytest_nexus.launch.hunt_round import run_round
from pytest_nexus.launch.probe import Prober, collect_in_order
from pytest_nexus.plan.flakiness.hunt import Hunted, Round
from pytest_nexus.plan.order_dependence.suite_orders import N_ORDERS, suite_order, suspects, verdict

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.suite_orders import SuiteOrder, Suspect

_MAX_SEED: Final = 1_000_000
_HANG_FACTOR: Final = 2.5
_GRACE_S: Final = 30.0
"""Without --budget, a round ends after 2 * (_HANG_FACTOR * longest round + this) seconds."""

_ONE_BY_ONE: Final = 6
"""With more suspects in a round, two whole rounds are faster than two probes for each one."""

_DECISIVE: Final = ("again", "plainly")
_ENDINGS: Final = {True: "failed", False: "passed", None: "missing"}


@dataclass(slots=True)
class _Hunt:
    """A hunt in progress."""

    tests: Sequence[CollectedTest]
    arguments: Sequence[str]
    folder: Path
    seed: int
    n_rounds: int | None
    ends_at: float | None
    """Moment on `clock.perf_counter`; None for no limit."""
    is_quiet: bool
    prober: Prober
    names: list[str] = field(default_factory=list)
    """The names of the tried orders."""
    found: dict[TestKey, Suspect] = field(default_factory=dict)
    plain: Mapping[TestKey, bool] = field(default_factory=dict)
    """Whether each test failed in collection order."""
    longest_s: float = 0.0

    def run(self) -> None:
        """Run rounds until a limit ends them; each round's suspects are checked after the round."""
        number = 0
        while self._may_begin(number):
            order = suite_order(self.tests, number, self.seed)
            failed = self._failed(order, number)
            if number == 0:
                self.plain = failed
            if failed:
                self.names.append(order.name)
            self._look_at(suspects(order, failed, self.plain), number)
            number += 1

    @property
    def left_s(self) -> float | None:
        """Seconds until the limit; None without a limit."""
        return None if self.ends_at is None else self.ends_at - clock.perf_counter()

    def _may_begin(self, number: int) -> bool:
        if self.n_rounds is not None and number >= self.n_rounds:
            return False
        left_s = self.left_s
        return number == 0 or left_s is None or left_s >= self.longest_s

    def _failed(self, order: SuiteOrder, number: int) -> dict[TestKey, bool]:
        """Run a round; return whether each test failed. Empty for a round that breaks down."""
        this = Round(number, self.seed, is_loaded=False, order=order.name)
        running = [Hunted(test.key, test.nodeid, test.path) for test in order.tests]
        try:
            shown, took_s = run_round(
                this, running, self.arguments, self.folder, self._timeout_s(number)
            )
        except HuntError as error:
            if not self.plain:
                raise
            complain(error)
            return {}
        self.longest_s = max(self.longest_s, took_s)
        outcomes = {key: attempts[0].outcome for key, attempts in shown.items()}
        failed = {key: each in BAD for key, each in outcomes.items() if each != "skipped"}
        self._say(
            f"{this.text}: {sum(failed.values()):,} of {len(failed):,} failed, {took_s:.1f} s"
        )
        return failed

    def _timeout_s(self, number: int) -> float | None:
        left_s = None if self.left_s is None else max(1.0, self.left_s)
        if number == 0:
            return left_s
        usual_s = _HANG_FACTOR * self.longest_s + _GRACE_S
        return usual_s if left_s is None else min(left_s, usual_s)

    def _look_at(self, found: Sequence[Suspect], number: int) -> None:
        """Decide about the suspects of a round that are not decided yet."""
        decided = {key for key, one in self.found.items() if one.verdict != "unclear"}
        new = [one for one in found if one.test.key not in decided]
        look = self._by_probes if len(new) <= _ONE_BY_ONE else self._by_rounds
        for one, endings in look(new, number):
            if len(endings) == len(_DECISIVE):
                one = replace(one, verdict=verdict(one.fails_in_it, *endings))  # noqa: PLW2901 - the same, decided
            self.found[one.test.key] = one
            self._say(f"  {_sentence(one)}")

    def _by_probes(self, found: Sequence[Suspect], _: int) -> Iterator[tuple[Suspect, list[str]]]:
        """Run each suspect again after the same tests, and after those of the collection order."""
        plain = suite_order(self.tests, 0, self.seed)
        for one in found:
            key = one.test.key
            yield (
                one,
                [
                    self.prober.run(order.before(key), key, self.left_s).ending
                    for order in (one.order, plain)
                    if self.left_s is None or self.left_s > 0
                ],
            )

    def _by_rounds(
        self, found: Sequence[Suspect], number: int
    ) -> Iterator[tuple[Suspect, list[str]]]:
        """Run both orders once more completely, which tests all suspects at once."""
        orders = (found[0].order, suite_order(self.tests, 0, self.seed))
        rounds = [
            self._failed(replace(order, name=f"{order.name} again"), number)
            for order in orders
            if self.left_s is None or self.left_s > self.longest_s
        ]
        for one in found:
            endings = [failed.get(one.test.key) for failed in rounds]
            yield one, [_ENDINGS[each] for each in endings]

    def _say(self, line: str) -> None:
        if not self.is_quiet:
            say(line)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--runs",
        type=positive,
        metavar="N",
        help=f"number of rounds, with the order of collection ({N_ORDERS} without --budget)",
    )
    parser.add_argument(
        "--budget", type=seconds, metavar="TIME", help="time for all rounds, such as 90s, 10m"
    )
    parser.add_argument("--seed", type=natural, metavar="N", help="seed of the shuffled orders")
    add_json_option(parser)
    parser.epilog = "Arguments after -- are given to pytest in each session."
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Hunt; return 1 if a test depends on the order, or may depend on it."""
    started = clock.perf_counter()
    tests = collect_in_order(options.pytest_args)
    if not tests:
        raise HuntError("NX754", "pytest collects no tests, so there is nothing to order")
    with TemporaryDirectory(prefix="nexus-order-") as folder:
        hunt = _Hunt(
            tests,
            options.pytest_args,
            Path(folder),
            int(clock.time()) % _MAX_SEED if options.seed is None else options.seed,
            options.runs or (None if options.budget else N_ORDERS),
            None if options.budget is None else started + options.budget,
            options.json,
            Prober(tests, options.pytest_args, Path(folder)),
        )
        hunt.run()
    if options.json:
        print_json(_fields(hunt))
    else:
        _print(hunt)
    return 1 if any(one.verdict != "flaky" for one in hunt.found.values()) else 0


def _print(hunt: _Hunt) -> None:
    ordered = [one for one in hunt.found.values() if one.verdict == "order"]
    for one in hunt.found.values():
        say(_sentence(one))
        if one.verdict != "flaky":
            say(f"  next: {_next(hunt, one)}")
    depends = "depends" if len(ordered) == 1 else "depend"
    found = f"{counted(len(ordered), 'test')} of {len(hunt.tests):,} {depends} on the order"
    say(f"{found}; {counted(len(hunt.names), 'order')} tried")
    n_broken = sum(hunt.plain.values()) - sum(not one.fails_in_it for one in hunt.found.values())
    if n_broken > 0:
        say(f"{counted(n_broken, 'test')} failed in every order")


def _sentence(one: Suspect) -> str:
    nodeid = one.test.nodeid
    here, plainly = ("fails", "passes") if one.fails_in_it else ("passes", "fails")
    if one.verdict == "order":
        return f"order-dependent: {nodeid} {here} with {one.order.name}, {plainly} as collected"
    if one.verdict == "flaky":
        return f"flaky: {nodeid} ended otherwise with {one.order.name}, and not so again"
    return f"unclear: {nodeid} {here} with {one.order.name}; it could not be tried again"


def _next(hunt: _Hunt, one: Suspect) -> str:
    forwarded = ["--", *hunt.arguments] if hunt.arguments else []
    return shlex.join(["nexus", "order", "bisect", one.test.nodeid, *forwarded])


def _fields(hunt: _Hunt) -> dict[str, Any]:
    return {
        "tests": len(hunt.tests),
        "seed": hunt.seed,
        "orders": hunt.names,
        "found": [
            {
                "test": one.test.nodeid,
                "verdict": one.verdict,
                "order": one.order.name,
                "fails_in_it": one.fails_in_it,
                "next": _next(hunt, one) if one.verdict != "flaky" else None,
            }
            for one in hunt.found.values()
        ],
    }
