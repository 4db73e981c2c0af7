"""Decide what the maintenance job does next: begin, adopt, reject, stop, take back, or suggest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.plan.autopilot import sentences
from pytest_nexus.plan.autopilot.comparable_runs import CHANGES, comparable_runs, value_in_force
from pytest_nexus.plan.autopilot.judge_trial import judge
from pytest_nexus.plan.autopilot.learnable import LEARNABLE, in_force
from pytest_nexus.plan.autopilot.regime_watch import regime_change
from pytest_nexus.plan.autopilot.setting_records import (
    Experiment,
    LogEntry,
    SettingVersion,
    State,
    Step,
    version_name,
)
from pytest_nexus.plan.autopilot.worth_trying import best_change, goal_of, is_worth, trial_cost

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
    from pytest_nexus.plan.autopilot.judge_trial import Judgement
    from pytest_nexus.plan.autopilot.setting_records import Status
    from pytest_nexus.plan.tuning.proposals import Proposal

Mode = Literal["off", "suggest", "on"]

TRIAL_SHARE: Final = 0.5
"""Share of the runs that get a new value; half of them gives an answer soonest."""

WATCH_SHARE: Final = 0.7
"""Share of the runs that get an adopted value while it is watched. With 0.8, a loss of 30 % was
found in 85 % of the simulated watches; with 0.7, in 97 %; see docs/explanation/experiments.md."""

DAY_S: Final = 86_400.0
WEEK_S: Final = 7 * DAY_S
"""Shortest time from one change of a setting to the next trial, unless the regime changed."""

AGAIN_AFTER_S: Final = 30 * DAY_S
"""A value that was no gain is not tried again for so long, unless the regime changed."""

LEAST_RUNS: Final = 10
"""Runs of the CI that must be known before a trial begins."""


def next_step(
    state: State,
    proposals: Sequence[Proposal],
    runs: Sequence[CIRunFigures],
    now: float,
    mode: Mode,
    left_to_nexus: Collection[str],
) -> Step:
    """Return the state after one step. A second step with the same arguments changes nothing.

    Args:
        state: the state before.
        proposals: what a simulation proposes, the best first.
        runs: trusted runs of the CI, in time order.
        now: seconds since the epoch.
        mode: `off` does nothing, `suggest` only suggests, `on` tries and adopts.
        left_to_nexus: names of the settings for which a person wrote `auto`.
    """
    before = len(state.log)
    if mode == "on":
        state = _judged(state, runs, now)
        state = _noticed(state, runs, now)
        state = _begun(state, proposals, runs, now, left_to_nexus)
    if mode != "off":
        tried = left_to_nexus if mode == "on" else ()
        for proposal in proposals:
            state = _suggested(state, proposal, now, tried)
    return Step(state, state.log[before:])


def stopped(state: State, now: float, setting: str | None) -> Step:
    """Return the state after a person took a setting back: its trial, else its adopted version.

    Args:
        state: the state before.
        now: seconds since the epoch.
        setting: the name; None for the setting of the open experiment, or else of the newest
            adopted version.
    """
    experiment = state.open
    if experiment is not None and setting in (None, experiment.setting):
        state = _ended(state, experiment, now, "rolled back")
        setting = experiment.setting
        if experiment.phase == "trial":
            state = _with_status(state, experiment.version, "stopped")
            sentence = sentences.trial_stopped_by_person(experiment)
            return _by_hand(state, experiment.version, setting, sentence, now)
    adopted = [
        each
        for each in state.versions
        if each.status == "adopted" and setting in (None, each.setting)
    ]
    if not adopted:
        return Step(state)
    version = adopted[-1]
    state = _taken_back(state, version)
    return _by_hand(state, version.version, version.setting, sentences.rolled_back(version), now)


def _by_hand(state: State, version: str, setting: str, sentence: str, now: float) -> Step:
    entry = LogEntry(now, "rolled back", setting, sentence, json.dumps({"version": version}))
    return Step(_logged(state, entry), (entry,))


def _judged(state: State, runs: Sequence[CIRunFigures], now: float) -> State:
    """End the open experiment if its runs decide; start the watch of an adopted value."""
    experiment = state.open
    if experiment is None:
        return state
    found = judge(experiment, runs, trial=state.trial)
    if found.verdict == "open":
        return state
    state = _ended(state, experiment, now, found.verdict)
    kind, status = _outcome(experiment, found)
    if kind == "taken back":
        state = _taken_back(state, _version(state, experiment.version))
    else:
        state = _with_status(state, experiment.version, status)
    if kind == "adopted":
        state = _adopted(state, experiment, now)
    sentence = sentences.judged(experiment, found, kind)
    figures = json.dumps(found._asdict())
    state = _with_figures(state, experiment.version, sentence, found)
    return _logged(state, LogEntry(now, kind, experiment.setting, sentence, figures))


def _outcome(experiment: Experiment, found: Judgement) -> tuple[str, Status]:
    if experiment.phase == "watch":
        is_bad = found.verdict in ("worse", "guard")
        return ("taken back", "taken back") if is_bad else ("settled", "adopted")
    outcomes: dict[str, tuple[str, Status]] = {
        "better": ("adopted", "adopted"),
        "worse": ("rejected", "rejected"),
        "guard": ("stopped", "stopped"),
    }
    return outcomes.get(found.verdict, ("rejected", "rejected"))


def _adopted(state: State, experiment: Experiment, now: float) -> State:
    """Replace the earlier version, and watch the new one."""
    versions = tuple(
        each._replace(status="replaced")
        if each.setting == experiment.setting and each.status == "adopted"
        and each.version != experiment.version else each
        for each in state.versions
    )  # fmt: skip
    watch = experiment._replace(
        number=len(state.experiments) + 1, phase="watch", share=WATCH_SHARE, began_at=now
    )
    return state._replace(versions=versions, experiments=(*state.experiments, watch))


def _taken_back(state: State, version: SettingVersion) -> State:
    """Put the parent of a version in force again."""
    state = _with_status(state, version.version, "taken back")
    if version.parent is None:
        return state
    return _with_status(state, version.parent, "adopted")


def _noticed(state: State, runs: Sequence[CIRunFigures], now: float) -> State:
    """Note a change of regime since the last one, while no experiment goes on."""
    if state.open is not None:
        return state
    later = comparable_runs(state, runs)
    found = regime_change([run.wall_s for run in later])
    if found is None:
        return state
    since = later[found.since]
    figures = json.dumps({**found._asdict(), "since_at": since.started_at})
    sentence = sentences.regime(found, found.at - found.since + 1)
    return _logged(state, LogEntry(now, "regime", "", sentence, figures))


def _begun(
    state: State,
    proposals: Sequence[Proposal],
    runs: Sequence[CIRunFigures],
    now: float,
    left_to_nexus: Collection[str],
) -> State:
    """Begin an experiment, if none goes on and the last change is long enough ago."""
    if state.open is not None or len(runs) < LEAST_RUNS or not _may_begin(state, now):
        return state
    again = _compared_again(state, left_to_nexus)
    if again is not None:
        return _with_trial(state, again, "wall", 1.05, now, "{}")
    for proposal in proposals:
        if proposal.setting in left_to_nexus and _is_fresh(state, proposal, now):
            trial = _trial_of(state, proposal, now)
            figures = json.dumps([_change(proposal, each.figure) for each in proposal.changes])
            goal, limit = goal_of(proposal), trial_cost(proposal)
            return _with_trial(state, trial, goal, limit, now, figures)
    return state


def _change(proposal: Proposal, figure: str) -> dict[str, object]:
    found = next(each for each in proposal.changes if each.figure == figure)
    return {
        "figure": figure, "today": found.today, "proposed": found.proposed,
        "low": found.low, "high": found.high,
    }  # fmt: skip


def _may_begin(state: State, now: float) -> bool:
    changed = max((entry.at for entry in state.log if entry.kind in CHANGES), default=None)
    return changed is None or now - changed >= WEEK_S or _regime_at(state) > changed


def _regime_at(state: State) -> float:
    return max((entry.at for entry in state.log if entry.kind == "regime"), default=-1.0)


def _compared_again(state: State, left_to_nexus: Collection[str]) -> SettingVersion | None:
    """Return a trial of the value before, if the regime changed since a value was settled."""
    regime_at = _regime_at(state)
    for each in reversed(state.versions):
        if each.status != "adopted" or each.setting not in left_to_nexus:
            continue
        later = [one for one in state.experiments
                 if one.setting == each.setting and one.began_at >= regime_at]  # fmt: skip
        if regime_at > each.since and not later:
            evidence = "the duration of runs changed, so the value before is compared again"
            return SettingVersion("", each.version, each.setting, each.before, each.value,
                                  evidence, regime_at, "{}", "trial")  # fmt: skip
    return None


def _is_fresh(state: State, proposal: Proposal, now: float) -> bool:
    """Return whether a proposal is worth a trial, and its value was not tried lately."""
    setting = LEARNABLE.get(proposal.setting)
    if setting is None or not is_worth(proposal) or not setting.allows(proposal.proposed):
        return False
    if value_in_force(state, proposal.setting) == proposal.proposed:
        return False
    tried = [each for each in state.versions
             if each.setting == proposal.setting and each.value == proposal.proposed]  # fmt: skip
    if _was_rolled_back(state, tried):
        return False
    ends = [_last_end(state, each) for each in tried]
    return all(end < _regime_at(state) for end in ends if now - end < AGAIN_AFTER_S)


def _last_end(state: State, version: SettingVersion) -> float:
    """Return when a value was last on trial or watched, so that a value taken back stays away."""
    ends = [each.ended_at for each in state.experiments
            if each.version == version.version and each.ended_at is not None]  # fmt: skip
    return max([version.since, *ends])


def _was_rolled_back(state: State, tried: Sequence[SettingVersion]) -> bool:
    """Return whether a person took the value back: nexus does not try it a second time."""
    names = {each.version for each in tried}
    return any(
        entry.kind == "rolled back" and json.loads(entry.figures).get("version") in names
        for entry in state.log
    )


def _trial_of(state: State, proposal: Proposal, now: float) -> SettingVersion:
    version = in_force(proposal.setting, state.versions)
    before = value_in_force(state, proposal.setting)
    parent = None if version is None else version.version
    return SettingVersion("", parent, proposal.setting, proposal.proposed, before,
                          proposal.evidence, now, "{}", "trial")  # fmt: skip


def _with_trial(
    state: State, trial: SettingVersion, goal: str, limit: float, now: float, expected: str
) -> State:
    name = version_name(trial.setting, trial.before, trial.value, now)
    metrics = json.dumps({"expected": json.loads(expected)})
    trial = trial._replace(version=name, since=now, metrics=metrics)
    experiment = Experiment(
        len(state.experiments) + 1, name, trial.setting, trial.value, trial.before, "trial",
        goal, TRIAL_SHARE, limit, now,
    )  # fmt: skip
    state = state._replace(
        versions=(*state.versions, trial), experiments=(*state.experiments, experiment)
    )
    sentence = sentences.began(experiment, trial.evidence)
    return _logged(state, LogEntry(now, "began", trial.setting, sentence, metrics))


def _suggested(state: State, proposal: Proposal, now: float, tried: Collection[str]) -> State:
    """Log a proposal that no trial will follow, once."""
    learnable = LEARNABLE.get(proposal.setting)
    will_be_tried = (
        proposal.setting in tried and learnable is not None and learnable.allows(proposal.proposed)
    )
    if will_be_tried or not is_worth(proposal):
        return state
    name = version_name(proposal.setting, proposal.today, proposal.proposed, 0.0)
    if any(entry.kind == "suggested" and name in entry.figures for entry in state.log):
        return state
    best = best_change(proposal)
    figures = json.dumps({"proposal": name, **_change(proposal, best.figure)})
    sentence = sentences.suggested(proposal, best, has_auto=learnable is not None)
    return _logged(state, LogEntry(now, "suggested", proposal.setting, sentence, figures))


def _logged(state: State, entry: LogEntry) -> State:
    return state._replace(log=(*state.log, entry))


def _ended(state: State, experiment: Experiment, now: float, verdict: str) -> State:
    experiments = tuple(
        each._replace(ended_at=now, verdict=verdict) if each.number == experiment.number else each
        for each in state.experiments
    )
    return state._replace(experiments=experiments)


def _version(state: State, name: str) -> SettingVersion:
    return next(each for each in state.versions if each.version == name)


def _with_status(state: State, name: str, status: Status) -> State:
    versions = tuple(
        each._replace(status=status) if each.version == name else each for each in state.versions
    )
    return state._replace(versions=versions)


def _with_figures(state: State, name: str, evidence: str, found: Judgement) -> State:
    versions = tuple(
        each._replace(
            evidence=evidence,
            metrics=json.dumps({**json.loads(each.metrics), "found": found._asdict()}),
        ) if each.version == name else each
        for each in state.versions
    )  # fmt: skip
    return state._replace(versions=versions)
