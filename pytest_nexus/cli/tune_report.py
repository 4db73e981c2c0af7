"""Print what `nexus tune` found: figures, proposals, the diff, and what was not simulated."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.cli.output.tables import print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.plan.tuning.choosing import LEAST_GAIN, NEEDED
from pytest_nexus.plan.tuning.rounds import AUTO
from pytest_nexus.plan.tuning.tunables import TUNABLES, value_of
from pytest_nexus.settings_files.settings_changes import top_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.backtest.tuning.suite_rounds import SuiteRounds
    from pytest_nexus.backtest.tuning.tuned_history import TunedHistory
    from pytest_nexus.plan.tuning.choosing import Tuned, Wish
    from pytest_nexus.plan.tuning.job_seconds import Contention
    from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal
    from pytest_nexus.plan.tuning.rounds import Prices
    from pytest_nexus.settings_files.settings_changes import FileChange
    from pytest_nexus.settings_files.settings_of_today import Today

_SHORT: Final = {
    "wall_p50_s": ("wall p50", "s", 0),
    "wall_p95_s": ("wall p95", "s", 0),
    "machine_minutes": ("machine", "min", 1),
    "money": ("money", "", 4),
    "misses": ("missed runs", "", 0),
    "energy_wh": ("energy", "Wh", 2),
}
"""By figure: its name, unit and decimals."""

_FEW: Final = 100
"""Fewer seconds get one decimal."""

_COLUMNS: Final = ("setting", "place", "today", "proposed", *(each[0] for each in _SHORT.values()))


class Report(NamedTuple):
    """All that is printed."""

    root: Path
    suite: SuiteRounds
    found: TunedHistory
    today: Today
    wish: Wish
    prices: Prices
    proposals: tuple[Proposal, ...]
    changes: list[FileChange]
    by_hand: list[str]
    """Lines that a person has to set, because no file was found for them."""


def print_tunables(*, is_json: bool) -> None:
    """Print the table of all settings."""
    if is_json:
        print_json([each._asdict() for each in TUNABLES])
        return
    for each in TUNABLES:
        say(f"{each.name} ({each.place}: {each.key})")
        if each.not_simulated:
            say(f"  not simulated: {each.not_simulated}")
            continue
        say(
            f"  tried: {', '.join(each.values)}",
            f"  simulated: {each.simulated}",
            f"  may not worsen: {', '.join(each.may_not_worsen)}",
        )


def print_report(report: Report, *, is_json: bool, is_applied: bool) -> None:
    """Print a report for people, or for programs."""
    if is_json:
        print_json(document_of(report))
        return
    tuned = report.found.tuned
    if tuned is None:
        say(*_too_few(report))
        return
    if not report.proposals:
        say(_nothing(report, tuned))
    else:
        _print_proposals(report, tuned, is_applied=is_applied)
    for limit in tuned.broken:
        say(f"Not kept on these runs: {limit}")
    say(*_assumed(report))
    say(*_not_simulated(report))


def document_of(report: Report) -> dict[str, Any]:
    """Return a report for a program."""
    found, tuned = report.found, report.found.tuned
    return {
        "runs": len(report.suite.rounds),
        "runs_left_out": report.suite.n_left,
        "runs_left_out_by_reason": dict(report.suite.left),
        "environment": report.suite.environment,
        "runs_since_change": found.n_rounds,
        "runs_needed": NEEDED,
        "chosen_on": 0 if tuned is None else tuned.n_chosen_on,
        "judged_on": 0 if tuned is None else tuned.n_judged_on,
        "goal": report.wish.goal,
        "limits": [each.text for each in report.wish.limits],
        "limits_broken": [] if tuned is None else list(tuned.broken),
        "gain": None if tuned is None else tuned.gain,
        "today": {
            each.name: {
                "value": value_of(each.name, found.setting),
                "found": report.today.sources.get(
                    "target_s" if each.name == "target" else each.name
                ),
            }
            for each in TUNABLES
            if hasattr(found.setting, each.name) or each.name == "target"
        },
        "proposals": [asdict(each) for each in report.proposals],
        "together": [] if tuned is None else [asdict(each) for each in tuned.together],
        "assumed": report.prices._asdict() | {"later_start_s": found.apart_s},
        "not_simulated": found.not_simulated,
        "diff": [line for each in report.changes for line in each.diff(top_of(report.root))],
        "by_hand": report.by_hand,
    }


def _too_few(report: Report) -> Iterator[str]:
    """Yield how many runs are missing, why others do not count, and what to do."""
    n_rounds, n_all = report.found.n_rounds, len(report.suite.rounds)
    since = " since its seconds last changed" if n_rounds < n_all else ""
    yield (
        f"Too few runs of the whole suite{since}: {n_rounds}, and a proposal needs {NEEDED};"
        f" {NEEDED - n_rounds} more are needed"
    )
    if report.suite.n_left:
        yield f"Not counted: {_left_out(report)}."
    if any(reason.startswith("of a part") for reason in report.suite.left):
        yield (
            "A run counts if it runs the whole suite: `pytest --nexus` without paths, -k, -m, -x"
            " and the like, also in addopts; or all shards of one run of a CI."
        )


def _left_out(report: Report) -> str:
    left = report.suite.left
    return ", ".join(f"{counted(n, 'run')} {why}" for why, n in sorted(left.items()))


def _nothing(report: Report, tuned: Tuned) -> str:
    near = f" The nearest: {tuned.closest} better there." if tuned.closest else ""
    return (
        f"Nothing is worth changing for the goal {report.wish.goal}: no other setting, chosen on"
        f" {tuned.n_chosen_on} runs, is surely {percent(LEAST_GAIN, 0)} better on the"
        f" {tuned.n_judged_on} after them.{near}"
    )


def _print_proposals(report: Report, tuned: Tuned, *, is_applied: bool) -> None:
    say(
        f"{counted(len(report.proposals), 'proposal')} for the goal {report.wish.goal}, which"
        f" improves by {percent(tuned.gain, 0)}: chosen on {tuned.n_chosen_on} runs, judged on the"
        f" {tuned.n_judged_on} after them.",
        "",
    )
    print_table([_change_row(each) for each in report.proposals], _COLUMNS)
    if len(report.proposals) > 1:
        say("Each line: the change by this setting, with all other proposals made.")
    say("", "All proposals together:", "")
    print_table([_figure_row(each) for each in tuned.together],
                ("figure", "today", "proposed", "change", "95_%_interval"))  # fmt: skip
    say("")
    for change in report.changes:
        say(*change.diff(top_of(report.root)))
    if report.changes:
        say("" if is_applied else "nexus tune --apply writes this.")
    if report.by_hand:
        say("Nexus found no workflow that calls it in one place. Set these inputs by hand:")
        say(*(f"  {line}" for line in report.by_hand))


def _change_row(each: Proposal) -> dict[str, object]:
    row: dict[str, object] = {
        "setting": each.setting,
        "place": each.place,
        "today": each.today,
        "proposed": each.proposed,
    }
    return row | {_SHORT[one.figure][0]: _relative(one) for one in each.changes}


def _relative(change: ExpectedChange) -> str:
    if change.figure == "misses" or not change.today:
        return f"{change.proposed - change.today:+.0f}"
    return percent(change.proposed / change.today - 1, 0, is_signed=True)


def _figure_row(change: ExpectedChange) -> dict[str, object]:
    name, unit, decimals = _SHORT[change.figure]
    largest = max(change.today, change.proposed)
    if largest and not decimals and change.figure != "misses" and largest < _FEW:
        decimals = 1
    return {
        "figure": f"{name}, {unit}" if unit else name,
        "today": f"{change.today:,.{decimals}f}",
        "proposed": f"{change.proposed:,.{decimals}f}",
        "change": f"{change.proposed - change.today:+,.{decimals}f}",
        "95_%_interval": f"{change.low:+,.{decimals}f} to {change.high:+,.{decimals}f}",
    }


def _assumed(report: Report) -> Sequence[str]:
    """Return lines about the settings of today, and about what is assumed."""
    found, prices = report.found, report.prices
    names = ["target" if found.setting.shards == AUTO else "shards", "workers"]
    names += ["select", "reruns", "rerun_budget"]
    sources = report.today.sources
    now = ", ".join(
        f"{name} {value_of(name, found.setting)}"
        f" ({sources['target_s' if name == 'target' else name]})"
        for name in names
    )
    cores = "unknown" if prices.cores is None else str(prices.cores)
    billed = "whole minutes" if prices.is_rounded_up else "seconds"
    left = f"; not counted: {_left_out(report)}" if report.suite.n_left else ""
    n_before = len(report.suite.rounds) - found.n_rounds
    before = f"; the suite changed after the first {counted(n_before, 'run')}" if n_before else ""
    runs = counted(found.n_rounds, "run")
    environment = report.suite.environment or "environment unknown"
    per_job = f"{prices.job_start_s:g} s before pytest in each job"
    later = f"each further job starts {found.apart_s:.1f} s later"
    return (
        "",
        f"Runs: {runs} of the whole suite, {environment}{before}{left}.",
        f"Today: {now}.",
        *_seen(found.contention),
        f"Assumed: {per_job}, {prices.per_minute:g} a minute in {billed}, {cores} cores; {later}.",
    )


def _seen(contention: Contention) -> Sequence[str]:
    """Return a line about jobs that disturb each other, if runs show that they do."""
    if not contention.by_job and not contention.by_pair:
        return ()
    longer = contention.factor(contention.most)
    line = (
        f"Seen: with {contention.most} jobs, tests take {longer:.1f} times as long as with"
        f" {contention.fewest}; the simulation counts that in."
    )
    return (line,)


def _not_simulated(report: Report) -> Sequence[str]:
    """Return lines about the settings that no figure above judges."""
    always = [each.name for each in TUNABLES if each.not_simulated]
    reasons = report.found.not_simulated
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if name not in always:
            by_reason.setdefault(why, []).append(name)
    here = [f"Not simulated: {', '.join(names)}, as {why}." for why, names in by_reason.items()]
    return (*here, f"Never simulated: {', '.join(always)}; nexus tune --list says why.")
