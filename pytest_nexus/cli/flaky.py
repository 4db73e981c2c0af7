"""`nexus flaky`: show the flaky tests, their cost, and the evidence."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli import flaky_hunt
from pytest_nexus.cli.arguments.flaky_tests import required
from pytest_nexus.cli.arguments.tests import asked_keys
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.plan.flakiness.outcomes import prove
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_nexus.cli.arguments.tests import Functions
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.plan.flakiness.assess import Flakiness
    from pytest_nexus.plan.flakiness.outcomes import FlakeEvidence, OutcomeInRun
    from pytest_nexus.plan.flakiness.rates import Rate

_COLUMNS: Final = ("flakes", "runs", "rate", "90_%", "red_builds", "reruns", "seconds", "since")
_COMMIT_CHARS: Final = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and sub-commands."""
    parser.add_argument(
        "--all", action="store_true", help="also list order-dependent, broken and recovered tests"
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    show = commands.add_parser("show", help="print the evidence run by run; `show` may be left out")
    show.add_argument(
        "nodeid", metavar="NODEID", help="a test, a function, a class, a file or a folder"
    )
    add_history_option(show)
    add_json_option(show)
    show.set_defaults(run=_show)
    flaky_hunt.add_arguments(
        commands.add_parser(
            "hunt", help="repeat new or changed tests; exit 1 if one fails and passes"
        )
    )


def run(options: argparse.Namespace) -> int:
    """Print the flaky tests, the most expensive first."""
    found = required(options.history).found
    shown = [
        one for one in found if one.status == "flaky" or (options.all and one.status != "stable")
    ]
    if options.json:
        print_json([_fields(one) for one in shown])
        return 0
    columns = (*(("status",) if options.all else ()), *_COLUMNS, "test")
    if shown:
        print_table([_row(one) for one in shown], columns)
        say("")
    say(_total(found))
    return 0


def _show(options: argparse.Namespace) -> int:
    asked: set[TestKey] = set()

    def name(functions: Functions) -> set[TestKey]:
        asked.update(asked_keys(options.nodeid, functions))
        return asked

    measured = required(options.history, name)
    own = [one for one in measured.found if one.key in asked]
    if options.json:
        print_json([_as_json(one, measured.seen[one.key]) for one in own])
        return 0
    for one in own:
        _print(one, measured.seen[one.key])
    return 0


def _total(found: Sequence[Flakiness]) -> str:
    counts = {
        status: sum(one.status == status for one in found)
        for status in ("flaky", "order-dependent", "broken", "recovered")
    }
    seconds = sum(one.cost.seconds for one in found if one.status != "order-dependent")
    listed = ", ".join(f"{count:,} {status}" for status, count in counts.items())
    return f"tests that failed: {listed}; flakes cost {seconds:.1f} s"


def _row(one: Flakiness) -> dict[str, object]:
    return {
        "status": one.status,
        "flakes": one.flakes,
        "runs": one.rate.runs,
        "rate": percent(one.rate.mean) if one.rate.runs else None,
        "90_%": _interval(one.rate) if one.rate.runs else None,
        "red_builds": one.cost.red_builds,
        "reruns": one.cost.reruns,
        "seconds": round(one.cost.seconds, 2),
        "since": None if one.first is None else f"{_day(one.first.at):%Y-%m-%d}",
        "test": one.key,
    }


def _print(one: Flakiness, seen: Sequence[OutcomeInRun]) -> None:
    say(one.key)
    say(f"  {one.status}: {one.reason}")
    for name, rate in [
        ("all environments", one.rate),
        *((each.environment or "unknown", each.rate) for each in one.environments),
    ]:
        say(f"  - {name}: {_rate(rate)}")
    _print_origin(one)
    for cluster in one.clusters:
        where = f" at {cluster.where}" if cluster.where else ""
        why = f"{cluster.exception or 'no reason recorded'}{where}"
        say(f"  - {counted(cluster.count, 'time')} {why}")
        if cluster.message:
            say(f"    {cluster.message}")
    cost = one.cost
    say(
        f"  - cost: {cost.seconds:.2f} s, {counted(cost.reruns, 'rerun')},"
        f" {counted(cost.red_builds, 'red build')}"
    )
    needed = f"it counts as recovered after {one.passes_needed:,}"
    say(f"  - passed {one.passes:,} times in a row; {needed}", "")
    print_table(_evidence(seen), ("started", "commit", "environment", "outcomes", "proof"))
    say("")


def _rate(rate: Rate) -> str:
    if not rate.runs:
        return "no run tells how often it flakes"
    return f"flakes in {percent(rate.mean)} of runs, with 90 % between {_interval(rate, 'and')}"


def _interval(rate: Rate, word: str = "to") -> str:
    return f"{percent(rate.low)} {word} {percent(rate.high)}"


def _print_origin(one: Flakiness) -> None:
    if one.first is None:
        return
    commits = f"after {_short(one.first.last_clean)}, up to {_short(one.first.commit)}"
    say(f"  - first flake {_day(one.first.at):%Y-%m-%d}: {commits}, in {one.first.environment}")


def _evidence(seen: Sequence[OutcomeInRun]) -> list[dict[str, object]]:
    return [_evidence_row(each, proof) for each, proof in zip(seen, prove(seen), strict=True)]


def _evidence_row(each: OutcomeInRun, proof: FlakeEvidence) -> dict[str, object]:
    picked = " (picked for failing)" if each.is_biased else ""
    return {
        "run": each.run_uid,
        "started": f"{_day(each.at):%Y-%m-%d %H:%M:%S}",
        "commit": None if each.commit is None else each.commit[:_COMMIT_CHARS],
        "environment": each.environment or None,
        "outcomes": ", ".join(attempt.outcome for attempt in each.attempts),
        "proof": proof + picked,
    }


def _as_json(one: Flakiness, seen: Sequence[OutcomeInRun]) -> dict[str, Any]:
    return {**_fields(one), "runs": _evidence(seen)}


def _fields(one: Flakiness) -> dict[str, Any]:
    """Return the facts about a test; without runs the rate is null, not the value of the prior."""
    fields = asdict(one)
    for rate in (fields["rate"], *(each["rate"] for each in fields["environments"])):
        if not rate["runs"]:
            rate.update(dict.fromkeys(("mean", "low", "high")))
    return fields


def _short(commit: str | None) -> str:
    return "an unknown commit" if commit is None else commit[:_COMMIT_CHARS]


def _day(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
