"""`nexus cache key` and `nexus cache report`: what the tests use of an environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.ci.parallel_jobs import parse_shard
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.wording import counted
from pytest_nexus.environments.cache_key import digests_of_files, key_of_installed, key_of_locks
from pytest_nexus.environments.declared import declared_in
from pytest_nexus.environments.known_use import read_known_use
from pytest_nexus.environments.lock_files import read_locks
from pytest_nexus.environments.use_report import needed_of, report_use
from pytest_nexus.errors import CacheError, with_code
from pytest_nexus.impact.distributions import environment
from pytest_nexus.plan.sharding.document import MAX_CHARS, load_plan
from pytest_nexus.plan.sharding.pinned import require_width
from pytest_nexus.project import add_history_option, history_path, project_root

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.environments.cache_key import CacheKey
    from pytest_nexus.environments.known_use import KnownUse
    from pytest_nexus.environments.use_report import UseReport

_COLUMNS = ("distribution", "version", "MB", "tests", "through", "declared_in")


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `nexus cache key`."""
    parser.add_argument(
        "--lock", action="append", default=[], type=Path, metavar="FILE",
        help="lock file of the environment that is to be installed; repeatable"
        " (default: the environment that is installed)",
    )  # fmt: skip
    parser.add_argument(
        "--extra", nargs="+", action="extend", default=[], type=Path, metavar="FILE",
        help="files whose content is a part of the key",
    )  # fmt: skip
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_key)


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `nexus cache report`."""
    parser.add_argument(
        "--shard", metavar="K/N", help="print the requirements of the tests of one shard instead"
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="plan of the shards, as `nexus plan` wrote it",
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_report)


def _known(options: argparse.Namespace) -> KnownUse:
    take_in_waiting(options.history)
    return read_known_use(history_path(options.history))


def _key(options: argparse.Namespace) -> int:
    use = _known(options)
    extra = digests_of_files(project_root(Path.cwd()), options.extra)
    if options.lock:
        found = key_of_locks(use.distributions, read_locks(options.lock), extra)
    else:
        found = key_of_installed(use.distributions, environment(), extra)
    _warn_of(found, use, has_lock=bool(options.lock))
    if options.json:
        names = [name for name, _ in found.contents]
        about: dict[str, Any] = {"key": found.key, "basis": found.basis, "distributions": names}
        print_json({**about, "missing": found.missing, "unknown_tests": use.n_unknown})
    else:
        say(found.key)
    return 0


def _warn_of(found: CacheKey, use: KnownUse, *, has_lock: bool) -> None:
    """Say what the key does not stand for."""
    if found.basis == "everything":
        whole = "the whole lock" if has_lock else "the whole environment"
        warn(with_code(
            "NX173", f"nexus: no test has told what it uses, so the key is made of {whole}"
        ))  # fmt: skip
        return
    if use.n_unknown:
        warn(with_code(
            "NX174",
            f"nexus: {counted(use.n_unknown, 'test')} left no record of uses; the key counts"
            " what the others use",
        ))  # fmt: skip
    if found.missing:
        names = ", ".join(found.missing[:5])
        warn(with_code(
            "NX175",
            f"nexus: the lock does not pin {names}; another version of it does not change the key",
        ))  # fmt: skip


def _report(options: argparse.Namespace) -> int:
    if options.shard or options.plan:
        return _report_shard(options)
    use = _known(options)
    root = project_root(Path.cwd())
    report = report_use(use, environment(), declared_in(root), root)
    if options.json:
        print_json({
            "tests": len(use.by_test), "unknown_tests": use.n_unknown,
            "size_bytes": report.size_bytes, "saving_bytes": report.saving_bytes,
            "unused_declared": report.unused_declared,
            "distributions": [row._asdict() for row in report.rows],
        })  # fmt: skip
        return 0
    _print_report(report, use)
    return 0


def _print_report(report: UseReport, use: KnownUse) -> None:
    if not use.by_test:
        warn(with_code(
            "NX177", "nexus: no test has told what it uses, so every distribution counts as unused"
        ))  # fmt: skip
    rows = [
        {
            "distribution": row.name, "version": row.version, "MB": round(row.size_bytes / 1e6, 3),
            "tests": row.n_tests, "through": row.through or None,
            "declared_in": row.declared_in or None,
        }
        for row in report.rows
    ]  # fmt: skip
    print_table(rows, _COLUMNS)
    if not use.by_test:
        return
    say("", f"{counted(len(use.by_test), 'test')} told what they use; {use.n_unknown:,} did not.")
    if report.unused_declared:
        say(f"Declared, but used by no test: {', '.join(report.unused_declared)}.")
    say(
        f"Without what no test needs, the environment would have"
        f" {(report.size_bytes - report.saving_bytes) / 1e6:,.1f} MB instead of"
        f" {report.size_bytes / 1e6:,.1f} MB."
    )


def _report_shard(options: argparse.Namespace) -> int:
    """Print the requirements of the tests of one shard."""
    if not options.shard or not options.plan:
        raise CacheError("NX176", "--shard needs --plan, and --plan needs --shard")
    shard, total = parse_shard(options.shard)
    try:
        plan = load_plan(read_text(options.plan, MAX_CHARS))
    except (OSError, ValueError) as error:
        raise CacheError(
            "NX171", f"Couldn't read the file {str(options.plan)!r}: {error}"
        ) from error
    require_width(plan, total)
    use = _known(options)
    keys = {key_of_nodeid(test.nodeid) for test in plan.tests if test.shard == shard}
    known = [use.by_test[key] for key in keys if key in use.by_test]
    if len(known) < len(keys):
        warn(with_code(
            "NX174",
            f"nexus: {counted(len(keys) - len(known), 'test')} left no record of uses; the"
            " requirements are those of the others",
        ))  # fmt: skip
    found = needed_of(known, environment())
    if options.json:
        print_json({"shard": shard, "tests": len(keys), "requirements": found})
    else:
        say(*found)
    return 0
