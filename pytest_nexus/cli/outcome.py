"""`nexus outcome`: what happened to commits after the tests, and what that says about the tests."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pytest_nexus.cli.arguments.checkout import add_source_option, source_root
from pytest_nexus.cli.arguments.pending_journals import open_or_begin, take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.outcome_escapes import figures_of, found_escapes, known_outcomes, learn
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.errors import HuntError
from pytest_nexus.history.queries.selection import moment
from pytest_nexus.launch.culprit_runs.past_commits import git_in, resolved
from pytest_nexus.plan.delivery.commit_outcomes import IN_GIT, DeploymentOutcome, Status
from pytest_nexus.plan.delivery.escape_guard import guarded_now
from pytest_nexus.project import add_history_option, checkout_of, history_path, project_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pytest_nexus.domain.system.git import Git
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.delivery.escapes import Escape
    from pytest_nexus.plan.delivery.four_keys import FourKeys, Range

_ENVIRONMENT: Final = "production"
_NAMED: Final = 5
_SHORT: Final = 12
_DAY_S: Final = 86_400.0
"""Clocks and time zones of other machines may be wrong by this."""

_WHOLE_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    record = commands.add_parser("record", help="record what happened to a commit")
    record.add_argument("--commit", required=True, metavar="COMMIT", help="the commit")
    record.add_argument("--status", required=True, choices=get_args(Status), help="what happened")
    record.add_argument("--at", type=_time, metavar="TIME", help="when, in ISO 8601 (default: now)")
    record.add_argument(
        "--environment", default=_ENVIRONMENT, metavar="NAME",
        help=f"where (default: {_ENVIRONMENT})",
    )  # fmt: skip
    add_history_option(record)
    record.set_defaults(run=_record)
    _add(commands, "list", "list the outcomes, and the reverts and fixups in git", _list)
    _add(commands, "escaped", "list the tests that cover what was reverted or failed", _escaped)
    _add(commands, "report", "show the four key figures of software delivery", _report)
    taught = _add(commands, "learn", "take in the reverts in git, and guard the selection", _learn)
    add_source_option(taught, "asked for its commits")
    pull = _add(commands, "pull", "take in the deployments of a repository on GitHub", _pull)
    pull.add_argument("--repository", metavar="OWNER/NAME", help="the repository on GitHub")
    pull.add_argument("--api-url", metavar="URL", help="address of GitHub's API")
    pull.add_argument(
        "--hotfix-label", action="append", default=[], type=_label, metavar="LABEL",
        help="also take in closed issues and merged pull requests with this label, as hotfixes;"
        " may be repeated",
    )  # fmt: skip
    pull.add_argument(
        "--environment", default=_ENVIRONMENT, metavar="NAME",
        help=f"where hotfixes are deployed (default: {_ENVIRONMENT})",
    )  # fmt: skip


def _add(commands: Any, name: str, text: str, run: Callable[..., int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)
    return parser


def _time(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"must be a time such as 2026-01-31T12:00:00+00:00, got {text!r}"
        ) from None
    at = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    if at > clock.time() + _DAY_S:
        raise ArgumentTypeError(f"must not lie in the future, got {text!r}")
    return at


def _record(options: argparse.Namespace) -> int:
    commit = _named(options.commit)
    at = clock.time() if options.at is None else options.at
    outcome = DeploymentOutcome(commit, options.status, options.environment, at, "recorded")
    with open_or_begin(history_path(options.history)) as history:
        n_new = history.deployments.add([outcome])
    known = "" if n_new else " was known already"
    say(f"{options.status} in {options.environment}: {commit[:_SHORT]}, {moment(at)}{known}")
    return 0


def _named(revision: str) -> str:
    """Return the commit that a revision names; outside of a repository, a whole id is taken as is.

    Raises:
        HuntError: no commit has this name, or nobody can say which one is meant.
    """
    git = _git()
    if checkout_of(git.root.resolve()) is not None:
        return resolved(git, revision)
    if _WHOLE_ID.fullmatch(revision):
        return revision
    raise HuntError(
        "NX661",
        f"{revision!r} names no commit, because {str(git.root)!r} is in no git repository;"
        " call this in a clone, or give all 40 digits of the commit",
    )


def _pull(options: argparse.Namespace) -> int:
    from pytest_nexus.github.connect import connect  # noqa: PLC0415 - imports requests
    from pytest_nexus.github.pull_deployments import deployment_outcomes  # noqa: PLC0415 - likewise
    from pytest_nexus.github.pull_hotfixes import hotfix_outcomes  # noqa: PLC0415 - likewise

    client = connect(options.repository, options.api_url, originals.environ)
    readers = [partial(deployment_outcomes, client)]
    readers += [partial(hotfix_outcomes, client, label, options.environment)
                for label in options.hotfix_label]  # fmt: skip
    n_read = n_new = 0
    for read in readers:  # stored one after the other, so a limit loses none of those before it
        found = read()
        n_read += len(found)
        with open_or_begin(history_path(options.history)) as history:
            n_new += history.deployments.add(found)
    if options.json:
        print_json({"read": n_read, "new": n_new})
    else:
        say(f"{counted(n_new, 'new outcome')} of {counted(n_read, 'outcome')} on GitHub")
    return 0


def _label(text: str) -> str:
    """Return the name of a label; GitHub would read a comma as two labels."""
    if not text.strip() or "," in text:
        raise ArgumentTypeError(f"must be the name of one label without a comma, got {text!r}")
    return text.strip()


def _learn(options: argparse.Namespace) -> int:
    """Store the reverts of a branch, and what the selection learns from escapes."""
    git = git_in(source_root(options.source), originals.environ)
    with open_or_begin(history_path(options.history)) as history:
        guard = learn(history, git)
    n_missed = sum(check.missed for check in guard.checks)
    still = guarded_now(guard.files, clock.time())
    if options.json:
        print_json({"checks": len(guard.checks), "missed": n_missed, "guarded": sorted(still)})
        return 0
    say(
        f"selection: {counted(n_missed, 'commit')} of {len(guard.checks)} that broke something"
        " escaped while covering tests were left out",
        f"the tests of {counted(len(still), 'file')} always run, because a change of"
        f" {'it' if len(still) == 1 else 'these'} was taken back"
        if still
        else "no change was taken back of late, so no file is guarded",
    )
    return 0


def _list(options: argparse.Namespace) -> int:
    with _opened(options) as history:
        known = known_outcomes(history, _git())
    on_branch = {each.repaired for each in known.repairs}
    rows: list[dict[str, Any]] = [
        {
            "at": moment(each.at), "commit": each.commit[:_SHORT], "status": each.status,
            "where": each.environment, "source": each.source,
        }
        for each in known.outcomes
        if each.source != IN_GIT or each.commit not in on_branch
    ]  # fmt: skip
    rows += [
        {
            "at": moment(each.at), "commit": each.repaired[:_SHORT], "status": each.kind,
            "where": each.commit[:_SHORT], "source": "git",
        }
        for each in known.repairs
    ]  # fmt: skip
    rows.sort(key=lambda row: row["at"])
    if options.json:
        print_json(rows)
    elif rows:
        print_table(rows, ("at", "commit", "status", "where", "source"))
    else:
        say("no outcome is known; `nexus outcome record` and `nexus outcome pull` add some")
    return 0


def _escaped(options: argparse.Namespace) -> int:
    with _opened(options) as history:
        found = found_escapes(history, _git(), known_outcomes(history, _git()))
    if options.json:
        print_json([each._asdict() for each in found])
        return 0
    for each in found:
        say(*_lines(each))
    say(f"{counted(len(found), 'commit')} escaped the tests")
    return 0


def _lines(each: Escape) -> list[str]:
    head = f"{each.commit[:_SHORT]} {each.why}: {counted(len(each.files), 'changed file')}"
    if not each.covering:
        them = "it" if len(each.files) == 1 else "them"
        return [f"{head}; no test is known to use {them}"]
    said = [f"{head}, used by {counted(len(each.covering), 'test')}"]
    if each.left_out is None:
        said.append("  no run of this commit is recorded")
    elif each.left_out:
        said.append(f"  {counted(len(each.left_out), 'test')} of these did not run then:")
        said += [f"    {test}" for test in each.left_out[:_NAMED]]
    else:
        said.append("  all of them ran then, and none failed for it: a test is missing")
    return said


def _report(options: argparse.Namespace) -> int:
    with _opened(options) as history:
        known = known_outcomes(history, _git())
    found = figures_of(known)
    n_reverts = sum(each.kind == "revert" for each in known.repairs)
    if options.json:
        keys = {each.environment: asdict(each) for each in found}
        print_json({"environments": keys, "reverts": n_reverts, "commits": len(known.commits)})
        return 0
    for each in found:
        say(f"{each.environment}: {counted(each.deployments, 'deployment')}", *_figures(each))
    if not found:
        say("no deployment is known; `nexus outcome record` and `nexus outcome pull` add some")
    say(f"git: {counted(n_reverts, 'revert')} in {counted(len(known.commits), 'commit')}")
    return 0


def _figures(keys: FourKeys) -> list[str]:
    commits = counted(keys.commits, "commit")
    lead, rate, restore = keys.lead_time_s, keys.change_failure_rate, keys.time_to_restore_s
    return [
        f"  deployments a week: {_told(keys.per_week, keys.per_week_range, _number)}",
        f"  lead time, median: {_told(lead, keys.lead_time_range, _span)} of {commits}",
        f"  change failure rate: {_told(rate, keys.change_failure_range, percent)}",
        f"  time to restore, median: {_told(restore, keys.time_to_restore_range, _span)}",
    ]


def _told(value: float | None, bounds: Range | None, words: Callable[[float], str]) -> str:
    """Return a figure with its interval."""
    if value is None:
        return "-"
    around = "" if bounds is None else f" ({words(bounds[0])} to {words(bounds[1])})"
    return words(value) + around


def _number(value: float) -> str:
    return f"{value:.1f}"


def _span(time_s: float) -> str:
    hours = time_s / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"


def _opened(options: argparse.Namespace) -> History:
    take_in_waiting(options.history)
    return required_history(options.history)


def _git() -> Git:
    return git_in(project_root(Path.cwd()), originals.environ)
