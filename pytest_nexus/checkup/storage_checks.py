"""Check the files that nexus keeps: the history, the journals, and the quarantine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.checkup.findings import Finding, as_finding
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HistoryError, JournalError, NewerHistoryError, QuarantineError
from pytest_nexus.history.ingest import KEPT_JOURNALS, pending
from pytest_nexus.history.store import read_history
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.plan.quarantine.file import MAX_CHARS, parse_quarantine
from pytest_nexus.training.trigger import due_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.history.store import History

_MOST_SCANNED: Final = 20
"""Journals that are read to their end; reading all of them may take minutes."""


class Stored(NamedTuple):
    """What the history says about the set-up."""

    findings: tuple[Finding, ...] = ()
    n_runs: int = 0
    n_ci_runs: int = 0
    """Runs of a CI among the newest runs."""
    is_training_due: bool = False


def examine_history(path: Path, journals: Path) -> Stored:
    """Return what is wrong with the history and the journals."""
    found = list(_aside(path))
    try:
        history = read_history(path)
    except NewerHistoryError as exc:
        return Stored((*found, as_finding(str(exc), "pip install -U pytest-nexus-ci")))
    except (HistoryError, OSError) as exc:
        remedy = "move the file away; `nexus history import` begins a new one from the journals"
        return Stored((*found, as_finding(str(exc), remedy)))
    if history is None:
        return Stored((*found, *_journals(None, journals)))
    with history:
        try:
            return _examined(history, found, journals)
        except HistoryError as exc:
            return Stored((*found, as_finding(str(exc), "call `nexus history check`")))


def _examined(history: History, found: list[Finding], journals: Path) -> Stored:
    runs = history.runs(limit=100)
    is_due = not history.is_slim and due_of(history).is_due
    found += [*_journals(history, journals), *_reuse(history)]
    n_ci = sum(one.run.ci is not None for one in runs)
    return Stored(tuple(found), history.count_runs(), n_ci, is_due)


def _aside(path: Path) -> Iterator[Finding]:
    kept = sorted(one.name for one in path.parent.glob(f"{path.name}.corrupt-*"))
    if kept:
        yield Finding(
            "NX596",
            f"a damaged history was set aside as {', '.join(kept)}, and its runs are missing",
            "call `nexus history import` with your journals, then delete the file",
            "hint",
        )


def _reuse(history: History) -> Iterator[Finding]:
    status = history.reuse.status()
    if not status.is_on and status.miss is not None:
        yield Finding(
            "NX597",
            "no result is reused, because a test failed in an audit",
            "look at `nexus reuse audit`, then call `nexus reuse on`",
        )


def _journals(history: History | None, folder: Path) -> Iterator[Finding]:
    """Yield what is wrong with journals that wait to be added to the history."""
    waiting = pending(history, folder)
    damaged = [path.name for path in waiting[:_MOST_SCANNED] if _is_damaged(path)]
    damaged += sorted(path.name for path in folder.glob("*.jsonl.refused"))
    if damaged:
        yield Finding(
            "NX598",
            f"{counted(len(damaged), 'journal')} cannot be read, the first is {damaged[0]}",
            f"delete these files in {folder!s}; what other sessions recorded is not affected",
        )
    n_left = len(waiting)
    if n_left > KEPT_JOURNALS:
        yield Finding(
            "NX598",
            f"{counted(n_left, 'journal')} in {folder!s} are not in the history",
            "call `nexus history import`; if a job does that elsewhere, delete the journals here",
        )


def _is_damaged(path: Path) -> bool:
    try:
        scan_journal(path)
    except (JournalError, OSError):
        return True
    return False


def quarantine_findings(path: Path) -> Iterator[Finding]:
    """Yield what is wrong with the quarantine file."""
    if not path.is_file():
        return
    try:
        quarantine = parse_quarantine(read_text(path, MAX_CHARS))
    except (QuarantineError, OSError, ValueError) as exc:
        yield as_finding(str(exc), f"correct the entry in {path!s}")
        return
    today = datetime.fromtimestamp(clock.time(), UTC).date()
    expired = [entry.id for entry in quarantine.entries if entry.is_expired(today)]
    if expired:
        yield Finding(
            "NX593",
            f"{counted(len(expired), 'quarantined test')} should be mended by now, the first is"
            f" {expired[0]}",
            "mend the test, or give the entry a later day; see `nexus quarantine check`",
        )
