"""`nexus run`: run pytest in a CI job, and set outputs for later steps."""

from __future__ import annotations

import argparse
import re
import secrets
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.ci.github_actions import write_outputs
from pytest_nexus.ci.parallel_jobs import parse_shard
from pytest_nexus.cli.learned_values import learned_here
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import OptionError
from pytest_nexus.project import journal_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKERS: Final = re.compile(r"[0-9]{1,4}|auto|logical", re.ASCII)
_MAX_NAME_CHARS: Final = 60
_NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_MAX_NAME_CHARS}}}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; an empty value counts as absent, as for inputs of an action."""
    parser.add_argument(
        "--args", default="", type=words, metavar="TEXT",
        help="arguments of pytest in one text, split as in a shell, without expansion",
    )  # fmt: skip
    parser.add_argument("--shard", default="", type=_shard, metavar="K/N", help="shard of this job")
    parser.add_argument("--plan", default="", metavar="FILE", help="plan to follow")
    parser.add_argument(
        "--rest",
        action="store_true",
        help="run only those tests of the shard that the plan leaves out as unlikely to fail; for"
        " after a failure in another shard",
    )
    parser.add_argument(
        "--workers",
        default="",
        type=_workers,
        metavar="N|auto",
        help="xdist workers; auto: as learned, else as many as xdist starts by itself",
    )
    parser.add_argument(
        "--name",
        default="tests",
        type=_name,
        metavar="NAME",
        help="name of the suite, a part of the artifact's name (tests)",
    )
    parser.add_argument("pytest_args", nargs="*", metavar="-- PYTEST ARGUMENT")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run pytest here, and exit with its status.

    The outputs are set before pytest starts, so that even a cancelled job knows its files to
    upload. The journal goes into a separate folder, which holds no files of earlier jobs.
    """
    name = artifact_name(options.shard, options.name, originals.environ, is_rest=options.rest)
    folder = _journal_root() / name
    write_outputs({"artifact": name, "journal": str(folder)})
    if options.workers == "auto":
        workers = learned_here(None, ["workers"]).get("workers", "auto")
        options = argparse.Namespace(**{**vars(options), "workers": workers})
    command = [sys.executable, "-m", "pytest", *pytest_arguments(options, folder)]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - the user's own suite


def pytest_arguments(options: argparse.Namespace, folder: Path) -> list[str]:
    """Return the arguments of pytest: first those that nexus needs, then the user's own."""
    arguments = ["--nexus", "--no-nexus-ingest", f"--nexus-journal={folder}"]
    if options.shard:
        arguments.append(f"--nexus-shard={options.shard}")
    if options.plan:
        arguments.append(f"--nexus-plan={Path(options.plan).absolute()}")
    if options.workers:
        arguments.append(f"--numprocesses={options.workers}")
    rest = ["--nexus-select-rest=only"] if options.rest else []
    return [*arguments, *options.args, *rest, *options.pytest_args]


def artifact_name(
    shard: str, name: str, environ: Mapping[str, str], *, is_rest: bool = False
) -> str:
    """Return a unique name for a job: run, suite, attempt, shard, and eight random digits.

    Names of artifacts are unique in a run, and two jobs of it may have the same shard. The dots
    let a pattern name one suite: `nexus-journal-7.unit.*`.

    >>> artifact_name("2/5", "unit", {})[:-8]
    'nexus-journal-local.unit.1-2of5-'
    """
    ci = ci_run(environ)
    run_id, attempt = (ci.run_id, ci.run_attempt) if ci is not None else ("local", 1)
    part = (shard.replace("/", "of") or "all") + ("-rest" if is_rest else "")
    return f"nexus-journal-{_plain(run_id)}.{name}.{attempt}-{part}-{secrets.token_hex(4)}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:_MAX_NAME_CHARS]


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"must be letters, digits, - and _, at most 60, got {text!r}"
        )
    return text


def words(text: str) -> list[str]:
    """Split a text into words, with quotes as in a shell; an argparse type.

    >>> words("-k 'a and b' $HOME")
    ['-k', 'a and b', '$HOME']

    Raises:
        argparse.ArgumentTypeError: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"cannot be split into words, {exc}: {text!r}") from exc


def _journal_root() -> Path:
    temporary = originals.environ.get("RUNNER_TEMP")
    return Path(temporary) if temporary else journal_folder().absolute()


def _shard(text: str) -> str:
    if not text.strip():
        return ""
    try:
        shard, total = parse_shard(text)
    except OptionError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    return f"{shard}/{total}"


def _workers(text: str) -> str:
    if text and not _WORKERS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be a number, auto or logical, got {text!r}")
    return text
