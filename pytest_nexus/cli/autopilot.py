"""`nexus autopilot`: try better settings on a share of the runs, adopt them, take them back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.ci.github_actions import append_to
from pytest_nexus.cli.arguments.checkout import add_source_option, source_root
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.autopilot_proposals import read_proposals
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import complain, say
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import NexusError
from pytest_nexus.history.queries.selection import moment
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.autopilot.judge_trial import MOST_RUNS, WATCHED_RUNS, judge
from pytest_nexus.plan.autopilot.learnable import AUTO, LEARNABLE
from pytest_nexus.plan.autopilot.next_step import next_step
from pytest_nexus.plan.autopilot.sentences import so_far
from pytest_nexus.plan.tuning.tunables import SIMULATED
from pytest_nexus.project import add_history_option, checkout_of, history_path, setting_in
from pytest_nexus.report.formats.escaping import escaped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_nexus.history.store import History
    from pytest_nexus.plan.autopilot.setting_records import LogEntry, State
    from pytest_nexus.plan.tuning.proposals import Proposal

_HELP: Final = {
    "step": "Take the next step: begin, adopt, reject, stop, take back, or suggest",
    "status": "Show the mode, the experiment and how it stands",
    "log": "List every decision, oldest first",
}
_MAX_CHARS: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _HELP.items():
        sub = commands.add_parser(name, help=text, description=text + ".")
        if name == "step":
            sub.add_argument(
                "--proposals", type=Path, metavar="FILE",
                help="what `nexus tune --json` wrote (default: no new proposals)",
            )  # fmt: skip
            sub.add_argument(
                "--tune", action="store_true",
                help="make proposals as `nexus tune` does, unless an experiment goes on",
            )  # fmt: skip
            sub.add_argument(
                "--github", action="store_true",
                help="as a step of GitHub Actions: add each decision to the job summary",
            )  # fmt: skip
        if name != "log":
            sub.add_argument(
                "--input", action="append", default=[], type=_input, metavar="NAME=VALUE",
                help="an input of the workflow, such as shards=auto; auto leaves it to nexus",
            )  # fmt: skip
            add_source_option(sub, "read for the settings in its ini file")
        add_history_option(sub)
        add_json_option(sub)
        sub.set_defaults(run=_ACTIONS[name])


def _step(options: argparse.Namespace) -> int:
    """Decide and record in one transaction; a second step at once finds nothing left to do."""
    proposals = [] if options.proposals is None else read_proposals(options.proposals)
    mode, left = _wishes(options)
    take_in_waiting(options.history)
    with required_history(options.history):
        pass
    with open_history(history_path(options.history)) as history:
        if options.tune and mode != "off" and history.learned.read().open is None:
            proposals += _tuned(history, options, left if mode == "on" else ())
        step = history.learned.step(
            lambda state, runs: next_step(state, proposals, runs, clock.time(), mode, left)  # type: ignore[arg-type] # a mode, as the option allows
        )
    if options.github and step.entries:
        append_to("GITHUB_STEP_SUMMARY", _summary(step.entries))
    if options.json:
        print_json({"mode": mode, "left_to_nexus": sorted(left), "decisions": _rows(step.entries)})
        return 0
    said = [f"{entry.kind}: {entry.sentence}" for entry in step.entries]
    say(*said or [f"nothing to decide; nexus_autopilot is {mode}"])
    return 0


def _tuned(
    history: History, options: argparse.Namespace, left: Collection[str]
) -> Sequence[Proposal]:
    """Return the proposals of a simulation; if it fails, one line, and the step goes on.

    A value that a person wrote stays. So if the best settings need another one, a second simulation
    changes only what is left to nexus, and its proposals come first.
    """
    found = _simulated(history, options, ())
    own = [each for each in found if each.setting not in left]
    if not own or not left:
        return found
    return [*_simulated(history, options, [each for each in SIMULATED if each in left]), *own]


def _simulated(
    history: History, options: argparse.Namespace, only: Sequence[str]
) -> Sequence[Proposal]:
    from pytest_nexus.cli import tune  # noqa: PLC0415 - where it is asked for

    parser = argparse.ArgumentParser()
    tune.add_arguments(parser)
    source = [] if options.source is None else [f"--source={options.source}"]
    names = [f"--only={each}" for each in only]
    try:
        with paused_gc():
            return tune.report_of(history, parser.parse_args(["--json", *source, *names])).proposals
    except NexusError as exc:
        complain(exc)
        return ()


def _status(options: argparse.Namespace) -> int:
    mode, left = _wishes(options)
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        state, runs = history.learned.read(), history.learned.ci_runs()
    trial = state.open
    found = None if trial is None else judge(trial, runs, trial=state.trial)
    if options.json:
        about: dict[str, Any] = {"mode": mode, "left_to_nexus": sorted(left), "ci_runs": len(runs)}
        print_json({
            **about,
            "experiment": None if trial is None else trial._asdict(),
            "so_far": None if found is None else found._asdict(),
        })  # fmt: skip
        return 0
    named = ", ".join(sorted(left)) or "none"
    say(
        f"nexus_autopilot is {mode}; settings left to nexus: {named}",
        f"{counted(len(runs), 'run')} of a CI known",
    )
    if trial is None or found is None:
        say("no experiment goes on")
        return 0
    most = MOST_RUNS if trial.phase == "trial" else WATCHED_RUNS
    say(so_far(trial, found, most))
    return 0


def _log(options: argparse.Namespace) -> int:
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        state: State = history.learned.read()
    rows = _rows(state.log)
    if options.json:
        print_json(rows)
    elif rows:
        print_table(rows, ("at", "kind", "sentence"))
    else:
        say("nothing was decided yet")
    return 0


def _rows(entries: Iterable[LogEntry]) -> list[dict[str, object]]:
    return [
        {"at": moment(each.at), "kind": each.kind, "setting": each.setting,
         "sentence": each.sentence}
        for each in entries
    ]  # fmt: skip


def _summary(entries: Iterable[LogEntry]) -> str:
    """Return the lines of the job summary, in Markdown."""
    return "".join(f"- nexus {escaped(each.kind)}: {escaped(each.sentence, _MAX_CHARS)}\n"
                   for each in entries)  # fmt: skip


def _wishes(options: argparse.Namespace) -> tuple[str, set[str]]:
    """Return the mode, and the names of the settings for which a person wrote `auto`.

    An input of the workflow counts before the ini file, as in the jobs. A written target decides
    the number of shards, so that number is then not left to nexus.
    """
    root = source_root(options.source)
    top = checkout_of(root.resolve())
    given: Mapping[str, str] = dict(options.input)
    written = {
        name: given.get(name) or _in_ini(each.name, each.place, root, top)
        for name, each in LEARNABLE.items()
    }
    left = {name for name, value in written.items() if value == AUTO}
    if written["target"] not in ("", AUTO):
        left.discard("shards")
    return setting_in("nexus_autopilot", root, top), left


def _in_ini(name: str, place: str, root: Path, top: Path | None) -> str:
    return setting_in(f"nexus_{name}", root, top) if place == "pytest.ini" else ""


def _input(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in LEARNABLE:
        known = ", ".join(LEARNABLE)
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE with one of {known}, got {text!r}")
    return name, value.strip()


_ACTIONS: Final = {"step": _step, "status": _status, "log": _log}
