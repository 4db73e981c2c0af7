"""Find out which tests of a session need not run, by the history, git and the files on disk."""

from __future__ import annotations

from os.path import relpath
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.current_contents import CurrentContents
from pytest_nexus.impact.present.block_cache import BlockCache, cache_path
from pytest_nexus.impact.present.importers import importers
from pytest_nexus.impact.present.new_files import RunFiles, find_new_files
from pytest_nexus.plan.make import RUN, digest
from pytest_nexus.plan.order_dependence.order_rule import DOUBTFUL
from pytest_nexus.plan.reuse import Present, judge, unchanged_runs
from pytest_nexus.plan.set_changes import SetChanges
from pytest_nexus.plan.standing_reasons import standing_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.dependencies import KnownUses
    from pytest_nexus.domain.records import Plan, TestKey
    from pytest_nexus.history.queries.reuse_state import ReuseStatus
    from pytest_nexus.history.store import History
    from pytest_nexus.session.reuse.circumstances import Circumstances

_NOTHING_KNOWN: Final = with_code(
    "NX232",
    "all tests run: the history does not know yet what they use; a run with"
    " nexus_dependencies records that",
)


def leave_out(plan: Plan, given: Circumstances, notify: Callable[[str], None]) -> Plan:
    """Return the plan without the tests whose results are known.

    Args:
        plan: of all collected tests, with the verdicts of plugins.
        given: what the session knows.
        notify: takes a sentence for the user.
    """
    history = read_history(given.history)
    if history is None:
        notify(_NOTHING_KNOWN)
        return plan
    with history:
        status = history.reuse.status()
        if not status.is_on:
            notify(_off(status))
            return plan
        known = known_of(history, [one.test.key for one in plan.tests])
        if not known.fingerprints:
            notify(_NOTHING_KNOWN)
            return plan
        known, present, problem = _present(known, given, history)
    if problem:
        notify(with_code("NX233", f"all tests run, as their files cannot be compared: {problem}"))
        return plan
    return _judged(plan, known, present, given, notify)


def _off(status: ReuseStatus) -> str:
    reason = (
        f"{status.miss.test} failed in an audit, though nothing that it uses had changed"
        if status.miss is not None
        else "it was switched off"
    )
    return with_code(
        "NX236", f"all tests run: results are not reused, as {reason}; see nexus reuse"
    )


def known_uses(history: History, keys: Collection[TestKey]) -> KnownUses:
    """Return what the history knows about the dependencies of these tests."""
    return history.uses(keys)


def known_of(history: History, tests: Iterable[TestKey]) -> KnownUses:
    """Return what the history knows about the dependencies of tests, in their order.

    Tests that were collected one after the other often share a set, which is then decoded once.

    Args:
        history: is open.
        tests: keys as collected.
    """
    keys = list(dict.fromkeys(tests))
    known = known_uses(history, keys)
    found = {key: found for key in keys if (found := known.fingerprints.get(key))}
    return known._replace(fingerprints=found)


def _compared(known: KnownUses, contents: CurrentContents) -> tuple[KnownUses, dict[int, bool]]:
    """Return what is known, without the dependencies of other tests; and the changed ids.

    Sets of another Python or platform are not compared further.
    """
    facts = {n: each for n, each in known.dependencies.items() if each.kind == "session"}
    changed = contents.changed(facts)
    elsewhere = frozenset(changed)
    distinct = {
        id(one.members): one.members for each in known.fingerprints.values() for one in each
    }
    numbers: set[int] = set(facts)
    for members in distinct.values():
        whole = frozenset(members)
        if whole.isdisjoint(elsewhere):
            numbers |= whole
    used = {number: known.dependencies[number] for number in numbers}
    return known._replace(dependencies=used), changed | contents.changed(used)


def _present(
    known: KnownUses, given: Circumstances, history: History
) -> tuple[KnownUses, Present, str]:
    """Return what is known, what changed, and why nothing can be known about new files."""
    contents = contents_of(given)
    known, changed = _compared(known, contents)
    sets = SetChanges(known.dependencies, changed)
    runs = unchanged_runs(known, sets)
    present, problem = beside(known, changed, runs, contents, given, history)
    return known, present._replace(sets=sets), problem


def contents_of(given: Circumstances) -> CurrentContents:
    """Return the present contents of files, variables and distributions."""
    from pytest_nexus.impact.distributions import digest_of  # noqa: PLC0415 - read where it is needed

    cache = BlockCache(cache_path(given.history))
    return CurrentContents(given.root, given.environ, given.facts(), digest_of, cache)


def beside(
    known: KnownUses,
    changed: Mapping[int, bool],
    runs: Mapping[str, str | None],
    contents: CurrentContents,
    given: Circumstances,
    history: History,
) -> tuple[Present, str]:
    """Return what changed with the new files since some runs, or why those cannot be known.

    Args:
        known: about the tests of the session.
        changed: ids of changed dependencies, each with whether the thing still exists.
        runs: commits by run.
        contents: the present ones, whose cache is saved.
        given: what the session knows.
        history: is open.
    """
    recorded = {run: RunFiles(*files) for run, files in history.reuse.files_of_runs(runs).items()}
    new = find_new_files(given.root, given.environ, runs, recorded)
    since = {run: _foreign(files, given) for run, files in new.since.items()}
    gone = {run: _foreign(files, given) for run, files in new.gone.items()}
    modules = {path for each in since.values() for path in each if path.endswith(".py")}
    found = importers(modules, known.dependencies, contents)
    contents.save()
    return Present(changed, since, found, gone), new.problem if runs else ""


def _foreign(paths: Collection[str], given: Circumstances) -> frozenset[str]:
    """Return the paths without the files that nexus itself writes."""
    history, journal = given.history, given.journal
    starts = tuple(
        start
        for start in (
            _relative(history, given.root),
            f"{_relative(cache_path(history), given.root).rpartition('-')[0]}-",
            f"{_relative(journal, given.root)}/" if journal is not None else "",
        )
        if start
    )
    return frozenset(path for path in paths if not path.startswith(starts))


def _relative(path: Path, root: Path) -> str:
    try:
        return relpath(path, root).replace("\\", "/")
    except ValueError:  # on another drive
        return "../"


def _judged(
    plan: Plan,
    known: KnownUses,
    present: Present,
    given: Circumstances,
    notify: Callable[[str], None],
) -> Plan:
    tests = [one.test for one in plan.tests]
    rules = [rule for rule in given.rules if rule.posterior >= DOUBTFUL]
    always = standing_reasons(tests, given.stats, rules, given.is_quarantined)
    decided = {i: one.verdict.reason for i, one in enumerate(plan.tests) if one.verdict != RUN}
    found = judge(tests, known, present, always | decided, given.change.commit or "")
    if found.n_incomparable:
        notify(
            with_code(
                "NX234",
                f"{counted(found.n_incomparable, 'test')} passed at commits that this clone lacks"
                " and run again; check out with fetch-depth: 0",
            )
        )
    planned = tuple(
        one if index in decided else one._replace(verdict=verdict)
        for index, (one, verdict) in enumerate(zip(plan.tests, found.verdicts, strict=True))
    )
    return plan._replace(tests=planned, digest=digest(planned))
