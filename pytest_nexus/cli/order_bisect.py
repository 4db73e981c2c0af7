"""`nexus order bisect`: find the tests on which one test depends, in few sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.options import add_search_options, positive
from pytest_nexus.cli.arguments.pending_journals import open_or_begin, take_in_waiting
from pytest_nexus.cli.arguments.tests import advice, known_keys, spellings
from pytest_nexus.cli.output.bisection import BisectResult
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HuntError, with_code
from pytest_nexus.history.store import read_history
from pytest_nexus.launch.kept.bisect_state import KeptProbes, stamp_of, state_path
from pytest_nexus.launch.probe import Prober, collect_in_order
from pytest_nexus.plan.order_dependence.bisection import Bisection, Question
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.bisection import Probe, RerunOutcome

_MOST_PROBES: Final = 300
"""Limit without --runs and --budget; a bisection that can succeed needs fewer probes."""

_ANSWERED: Final = ("found", "none")


@dataclass(slots=True)
class _Search:
    """A bisection in progress."""

    test: CollectedTest
    bisection: Bisection
    kept: KeptProbes
    prober: Prober
    n_allowed: int
    """Number of probes that may still run."""
    ends_at: float | None
    """Moment on `clock.perf_counter`; None for no limit."""
    is_quiet: bool
    n_probes: int = 0
    n_new: int = 0
    """Number of probes that this call ran."""
    seconds: float = 0.0
    why: str = ""
    """The exception of the last failure of the test."""
    output: tuple[str, ...] = field(default=())
    """The last output lines of the last session in which the test did not end."""

    def run(self) -> RerunOutcome | None:
        """Run probes until there is a finding; None if a limit ended the search first."""
        while (probe := self.bisection.probe) is not None:
            kept = self.kept.take(probe)
            if kept is None:
                if not self._probe(probe):
                    return None
                continue
            self._tell(probe, kept.ending, kept.why, kept.seconds)
        return self.bisection.finding

    def _probe(self, probe: Probe) -> bool:
        left_s = None if self.ends_at is None else self.ends_at - clock.perf_counter()
        if self.n_allowed < 1 or (left_s is not None and left_s <= 0):
            return False
        self.n_allowed -= 1
        shown = self.prober.run(probe, self.test.key, left_s)
        if shown.is_cut:
            return False
        self.output = shown.output or self.output
        self.kept.add(probe, shown.ending, shown.why, shown.seconds)
        self.n_new += 1
        self._tell(probe, shown.ending, shown.why, shown.seconds)
        return True

    def _tell(self, probe: Probe, ending: Any, why: str, took_s: float) -> None:
        self.n_probes += 1
        self.seconds += took_s
        self.why = why or self.why
        if not self.is_quiet:
            where = f"after {counted(len(probe), 'test')}" if probe else "alone"
            say(f"probe {self.n_probes}: {where}: {ending} in {took_s:.1f} s")
        self.bisection.tell(ending)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("nodeid", metavar="NODEID", help="the test in question")
    parser.add_argument(
        "--runs",
        type=positive,
        metavar="N",
        help=f"largest number of sessions ({_MOST_PROBES} without --budget)",
    )
    add_search_options(parser, unit="session")
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Search; return 0 if the dependences are now known, or if no dependence was found.

    Return 1 if the test is broken or flaky, depends on too many tests, or a limit ended the search.
    """
    ends_at = None if options.budget is None else clock.perf_counter() + options.budget
    tests = collect_in_order(options.pytest_args)
    test = asked_test(options.nodeid, tests)
    with TemporaryDirectory(prefix="nexus-bisect-") as folder:
        search = _Search(
            test,
            Bisection(_question(test, tests, _guesses(options.history, test.key))),
            _kept(options, test, tests),
            Prober(tests, options.pytest_args, Path(folder)),
            options.runs or _MOST_PROBES,
            ends_at,
            options.json,
        )
        finding = search.run()
    if finding is None:
        return _unfinished(options, search)
    search.kept.forget()
    _refuse_unsearchable(search, finding)
    _store(options.history, search, finding)
    _print(options, _result(search, finding, tests))
    return 0 if finding.status in _ANSWERED else 1


def _kept(
    options: argparse.Namespace, test: CollectedTest, tests: Sequence[CollectedTest]
) -> KeptProbes:
    """Return the usable probes of an earlier call; none if the user wants to discard them."""
    stamp = stamp_of(test.key, tests, options.pytest_args)
    kept = KeptProbes(state_path(options.history, test.key), stamp)
    if options.forget:
        kept.forget()
    elif len(kept) and not options.json:
        say(f"{counted(len(kept), 'probe')} of an earlier call can be used; --forget starts again")
    return kept


def asked_test(typed: str, tests: Sequence[CollectedTest]) -> CollectedTest:
    """Return the one test that the user names.

    Raises:
        HuntError: no test or several tests match; the message names them.
    """
    spelled = spellings(typed)
    found = [test for test in tests if test.nodeid in spelled]
    if not found:
        functions = {test.key: test.function_key for test in tests}
        keys = set(known_keys(typed, functions))
        found = [test for test in tests if test.key in keys]
        if not found:
            raise HuntError(
                "NX521", f"pytest collects no test {typed!r}; {advice(typed, functions)}"
            )
    if len(found) > 1:
        raise HuntError(
            "NX751", f"{typed!r} names {len(found):,} tests; give one, such as {found[0].nodeid!r}"
        )
    return found[0]


def _guesses(given: str | None, key: TestKey) -> Probe:
    """Return the tests on which a test depends according to the history."""
    take_in_waiting(given)
    history = read_history(history_path(given))
    if history is None:
        return ()
    with history:
        rule = history.order_rules.read().get(key)
    return () if rule is None else rule.others


def _question(test: CollectedTest, tests: Sequence[CollectedTest], guesses: Probe) -> Question:
    keys = [each.key for each in tests]
    place = keys.index(test.key)
    return Question(tuple(keys[:place]), tuple(keys[place + 1 :]), guesses)


def _unfinished(options: argparse.Namespace, search: _Search) -> int:
    if options.json:
        print_json(_result(search, None, ()).fields())
    elif not search.n_new:
        say(with_code("NX758", "not finished: the time ended before a new probe; raise --budget"))
    else:
        say(
            with_code(
                "NX757",
                f"not finished: {counted(search.n_probes, 'probe')} in {search.seconds:.1f} s;"
                " call the same command again to continue",
            )
        )
    return 1


def _refuse_unsearchable(search: _Search, finding: RerunOutcome) -> None:
    """Raise an error if the test does not even run alone."""
    nodeid = search.test.nodeid
    if finding.status == "skipped":
        raise HuntError(
            "NX753", f"{nodeid} is skipped when it runs alone, so it neither fails nor passes"
        )
    if finding.status == "missing":
        error = HuntError(
            "NX752", f"The session that should run {nodeid} alone ended before the test"
        )
        error.output = search.output
        raise error


def _store(given: str | None, search: _Search, finding: RerunOutcome) -> None:
    """Store the finding in the history, or remove the finding of an earlier bisection."""
    key, bisection = search.test.key, search.bisection
    if finding.status == "found":
        rule = OrderRule(
            key,
            finding.kind,
            finding.others,
            posterior=1.0,
            n_failed=bisection.n_failed,
            n_passed=bisection.n_passed,
            found_by="bisect",
            at=clock.time(),
        )
        with open_or_begin(history_path(given)) as history:
            history.order_rules.keep(rule)
    elif history_path(given).exists():
        with open_or_begin(history_path(given)) as history:
            history.order_rules.drop(key)


def _result(
    search: _Search, finding: RerunOutcome | None, tests: Sequence[CollectedTest]
) -> BisectResult:
    return BisectResult(
        search.test.nodeid,
        finding,
        {each.key: each.nodeid for each in tests},
        search.why,
        search.bisection.n_failed,
        search.bisection.n_passed,
        search.n_probes,
        search.seconds,
    )


def _print(options: argparse.Namespace, result: BisectResult) -> None:
    if options.json:
        print_json(result.fields())
        return
    say(*result.sentences())
    say(f"{counted(result.n_probes, 'probe')} in {result.seconds:.1f} s")
    for how, command in result.commands().items():
        say(f"{how}: {command}")
