"""`nexus report`: report a CI run, as a summary on GitHub or for another program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.branches import base_branch, branch
from pytest_nexus.ci.github_actions import append_to, write_outputs
from pytest_nexus.ci.links import links_of
from pytest_nexus.cli.arguments.checkout import add_source_option, path_in_checkout, source_root
from pytest_nexus.cli.arguments.journals import add_journals_argument, journal_files
from pytest_nexus.cli.past_changes import past_changes
from pytest_nexus.domain.system import entry_points, originals
from pytest_nexus.domain.system.console import complain, give_command, say, say_json, warn
from pytest_nexus.errors import HistoryError, JournalError, NexusError, OptionError
from pytest_nexus.history.store import read_history
from pytest_nexus.journal.sessions import read_session
from pytest_nexus.plan.verification.proofs import proofs
from pytest_nexus.project import add_history_option, history_path, journal_folder
from pytest_nexus.report.ci.headline import verdict
from pytest_nexus.report.ci.model_line import model_line
from pytest_nexus.report.ci.results import chosen
from pytest_nexus.report.ci.source_lines import locator
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.ci.trial_line import trial_line
from pytest_nexus.report.formats.annotations import workflow_commands
from pytest_nexus.report.formats.ctrf import ctrf
from pytest_nexus.report.formats.json_document import as_json
from pytest_nexus.report.formats.markdown import markdown
from pytest_nexus.report.monitoring.prometheus import prometheus

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.plan.verification.verify import Verification
    from pytest_nexus.report.ci.summary import Summary

GROUP: Final = "pytest_nexus.report_formats"
"""Group of entry points; each is a function that returns the text of a summary."""


class _Formats(tuple[str, ...]):
    """The known formats; plugins are searched only for an unknown format."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in entry_points.names(GROUP)


FORMATS: Final = _Formats(("markdown", "ctrf", "json", "prometheus", "otlp"))
_JSON: Final = frozenset({"ctrf", "json"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_journals_argument(parser)
    parser.add_argument(
        "--run", dest="ci_run", metavar="ID", help="CI run id (default: the newest run)"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="markdown", metavar="FORMAT",
        help=f"{', '.join(FORMATS)} (markdown)",
    )  # fmt: skip
    parser.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        help="the same as --format json",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write to this file, and print the verdict"
    )
    parser.add_argument(
        "--github",
        action="store_true",
        help="as a step of GitHub Actions: job summary, annotations, outputs",
    )
    parser.add_argument(
        "--comment",
        action="store_true",
        help="keep one comment of the pull request up to date, if the token may write",
    )
    parser.add_argument(
        "--name",
        default="",
        metavar="NAME",
        help="name of the suite, which distinguishes the comments of several suites",
    )
    add_history_option(parser)
    add_source_option(parser, "read for the lines of tests")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Report the newest run; the exit status does not depend on its result."""
    sessions = chosen(_read(options.journals or [str(journal_folder())]), options.ci_run)
    if options.ci_run is not None and not sessions:
        raise JournalError("NX559", f"None of the journals is of the run {options.ci_run!r}")
    root = source_root(options.source)
    known = _known(options.history, root, {one.run.run_uid for one in sessions}, originals.environ)
    folder = path_in_checkout(root)
    links = links_of(originals.environ, folder)
    summary = summarise(sessions, _proofs(sessions), known, links)
    lines = locator(root)
    if options.format == "otlp":
        return _export(options, summary, sessions)
    _deliver(options, _rendered(options.format, summary, sessions, lines), summary)
    if options.github:
        _as_step(summary, lines, folder)
    if options.comment:
        from pytest_nexus.github.pull_request import comment  # noqa: PLC0415 - loads requests

        comment(summary, lines, options.name, originals.environ)
    return 0


def _export(options: argparse.Namespace, summary: Summary, sessions: Sequence[Session]) -> int:
    """Send the run to the collector that the `OTEL_*` variables name."""
    if options.output is not None or options.github or options.comment:
        raise OptionError(
            "NX622", "--format otlp sends the run, so --output, --github and --comment say nothing"
        )
    if not sessions:
        raise JournalError("NX558", "There is no journal of a run to export")
    from pytest_nexus.report.monitoring.export import export_run  # noqa: PLC0415 - needs the extra

    say(export_run(sessions, originals.environ, summary))
    return 0


def _read(patterns: Sequence[str]) -> list[Session]:
    """Return the sessions of the journals; name and skip a journal without content."""
    sessions = []
    for path in journal_files(patterns):
        try:
            sessions.append(read_session(path))
        except JournalError as exc:
            complain(exc)
    return sessions


def _known(
    given: str | None, root: Path, run_uids: Collection[str], environ: Mapping[str, str]
) -> Known:
    """Return the facts from the history; without a run of the base no failure counts as new."""
    own = branch(environ) or ""
    target = base_branch(root, environ)
    try:
        history = read_history(history_path(given))
        if history is None:
            return Known(branch=own, base=target, has_base=False)
        with history:
            failing = {(one.key, one.branch): one for one in history.failing(run_uids)}
            return Known(
                n_runs=history.count_runs(),
                failing=failing,
                branch=own,
                base=target,
                has_base=history.has_run_of(target or own, run_uids),
                model=model_line(history),
                trial=trial_line(history, environ),
                calibration=history.selection.risk(),
                past_changes=past_changes(history),
            )
    except HistoryError as exc:
        complain(exc)
        return Known(branch=own, base=target, has_base=False)


def _proofs(sessions: Sequence[Session]) -> list[Verification]:
    shards = [one.shard for one in sessions if one.shard is not None]
    queued = [one.queue for one in sessions if one.queue is not None]
    return [one.found for one in proofs(shards, queued)]


def _rendered(
    name: str,
    summary: Summary,
    sessions: Sequence[Session],
    lines: Callable[[str], int | None],
) -> str:
    if name == "markdown":
        return markdown(summary, lines)
    if name == "prometheus":
        return prometheus(summary, sessions)
    if name not in _JSON:
        return _of_plugin(name, summary)
    version = next((one.run.pytest for one in sessions if one.run.pytest), "")
    document = as_json(summary) if name == "json" else ctrf(summary, version)
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _of_plugin(name: str, summary: Summary) -> str:
    """Return the output of a plugin's format for a summary.

    Raises:
        NexusError: the format cannot be loaded, or raises an error.
    """
    render = entry_points.load(GROUP, lambda text: warn(f"nexus: {text}"), name).get(name)
    if render is None:
        raise NexusError("NX256", f"There is no report in the format {name!r}")
    try:
        return str(render(summary))
    except Exception as exc:
        raise NexusError(
            "NX255", f"the entry point {name} of {GROUP} failed: {exc!r:.160}"
        ) from exc


def _deliver(options: argparse.Namespace, text: str, summary: Summary) -> None:
    if options.output is None and not options.github:
        if options.format in _JSON:
            say_json(text)
        else:
            say(*text.removesuffix("\n").split("\n"))
        return
    say(verdict(summary))
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text, encoding="utf-8", errors="replace")


def _as_step(summary: Summary, lines: Callable[[str], int | None], folder: str) -> None:
    """Write the job summary and the outputs, and print the annotations."""
    append_to("GITHUB_STEP_SUMMARY", markdown(summary, lines))
    write_outputs({
        "verdict": verdict(summary),
        "good": "true" if summary.is_good else "false",
        "new-failures": str(len(summary.new_failures)),
        "known-failures": str(len(summary.known_failures)),
        "flaky": str(summary.counts["healed"]),
        "quarantined": str(summary.counts["quarantined"]),
    })  # fmt: skip
    for command in workflow_commands(summary, lines, folder):
        give_command(command)
