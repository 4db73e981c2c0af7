"""Say each decision of the autopilot in one sentence with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted, percent, seconds

if TYPE_CHECKING:
    from pytest_nexus.plan.autopilot.judge_trial import Judgement
    from pytest_nexus.plan.autopilot.regime_watch import Regime
    from pytest_nexus.plan.autopilot.setting_records import Experiment, SettingVersion
    from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal

_FIGURES: Final = {
    "wall": "wall time", "machine": "machine time", "missed": "share of missed runs",
    "wall_p50_s": "median wall time", "wall_p95_s": "p95 of the wall time",
    "machine_minutes": "machine time", "money": "cost", "misses": "missed failing runs",
    "energy_wh": "energy",
}  # fmt: skip


def began(experiment: Experiment, evidence: str) -> str:
    """Say that a trial begins."""
    return (
        f"{_change(experiment)}: on trial on {percent(experiment.share)} of the runs, judged by"
        f" {_FIGURES[experiment.goal]}; {evidence.rstrip('.')}"
    )


def this_run(experiment: Experiment, *, is_new: bool) -> str:
    """Say which value a run gets in an open experiment, where the setting is `auto`."""
    value = experiment.value if is_new else experiment.before
    words = {"trial": "on trial", "watch": "adopted and watched"}
    return (
        f"Where {experiment.setting} is auto, this run has {value}:"
        f" {_change(experiment)} is {words[experiment.phase]}."
    )


def judged(experiment: Experiment, found: Judgement, kind: str) -> str:
    """Say how an experiment ended, and why."""
    reasons = {
        "better": f"{_effect(experiment, found)}, {found.for_odds:.0f} to 1 for a gain",
        "worse": f"{_effect(experiment, found)}, {found.against_odds:.0f} to 1 for a loss",
        "guard": f"the {found.guard} got worse; {_effect(experiment, found)}",
        "no result": f"{_effect(experiment, found)}, neither a gain nor a loss is shown",
    }
    runs = f"{counted(found.n_new, 'run')} with {experiment.value}, {found.n_before} without"
    return f"{_change(experiment)}: {kind} after {runs}: {reasons[found.verdict]}"


def so_far(experiment: Experiment, found: Judgement, most: int) -> str:
    """Say how an open experiment stands."""
    n_runs = found.n_new + found.n_before
    return (
        f"{_change(experiment)}: {experiment.phase} on {percent(experiment.share)} of the runs,"
        f" {counted(n_runs, 'run')} of at most {most}; {_effect(experiment, found)};"
        f" {found.for_odds:.2g} to 1 for a gain, {found.against_odds:.2g} to 1 for a loss;"
        " 20 to 1 decides"
    )


def trial_stopped_by_person(experiment: Experiment) -> str:
    """Say that a person stopped a trial."""
    return f"{_change(experiment)}: the trial was stopped by hand"


def rolled_back(version: SettingVersion) -> str:
    """Say that a person took an adopted value back."""
    return f"{version.setting} = {version.before} again instead of {version.value}, by hand"


def regime(found: Regime, n_runs: int) -> str:
    """Say that runs take another time than before."""
    return (
        f"the wall time of runs changed from {seconds(found.before_s)} to {seconds(found.now_s)},"
        f" noticed after {counted(n_runs, 'run')}"
    )


def suggested(proposal: Proposal, best: ExpectedChange, *, has_auto: bool) -> str:
    """Say what a proposal would gain."""
    relative = [each / best.today for each in (best.low, best.high)]
    lets = "; `auto` there and `nexus_autopilot = on` let nexus try this" if has_auto else ""
    return (
        f"{proposal.setting} = {proposal.proposed} instead of {proposal.today} in"
        f" {proposal.place} would change the {_FIGURES[best.figure]} by"
        f" {_signed(best.proposed / best.today - 1.0)} ({_signed(relative[0])} to"
        f" {_signed(relative[1])}){lets}"
    )


def _change(experiment: Experiment) -> str:
    return f"{experiment.setting} = {experiment.value} instead of {experiment.before}"


def _effect(experiment: Experiment, found: Judgement) -> str:
    figure = _FIGURES[experiment.goal]
    if found.change is None:
        return f"the {figure} is not known for both values"
    interval = ""
    if found.interval is not None:
        interval = f" ({_signed(found.interval[0])} to {_signed(found.interval[1])})"
    return f"{figure} {_signed(found.change)}{interval}"


def _signed(share: float) -> str:
    """Return a relative change for people.

    >>> _signed(-0.124), _signed(0.05)
    ('-12 %', '+5 %')
    """
    return percent(share, 0, is_signed=True)
