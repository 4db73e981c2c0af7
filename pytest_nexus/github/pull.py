"""Take the journals of CI jobs in: list, download, check, ingest, remember."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.errors import (
    ArtifactError,
    GitHubError,
    JournalError,
    LimitedError,
    NotAllowedError,
)
from pytest_nexus.github.archive import unpack
from pytest_nexus.github.artifacts import download_path, single, unseen
from pytest_nexus.history.exchange.forks import MAX_SENT_BYTES
from pytest_nexus.history.exchange.merge import candidate
from pytest_nexus.journal.reader import scan_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_nexus.github.artifacts import Artifact
    from pytest_nexus.github.client import Client
    from pytest_nexus.history.exchange.merge import Candidate
    from pytest_nexus.history.sqlite.seen_artifacts import Status
    from pytest_nexus.history.store import History

MAX_TRIES: Final = 5
"""An artifact that cannot be had after so many pulls is given up."""

_GONE: Final = 410
_MIB: Final = 1024 * 1024
_MAX_ZIP_BYTES: Final = {"trusted": 256 * _MIB, "fork": 16 * _MIB}
_MAX_JOURNAL_BYTES: Final = {"trusted": 2048 * _MIB, "fork": 16 * _MIB}
_MAX_ATTEMPTS: Final = {"trusted": None, "fork": 100_000}
"""Of all journals of an artifact; an attempt is about 130 bytes of journal."""

_BATCH_ATTEMPTS: Final = 200_000
_BATCH_ARTIFACTS: Final = 25
"""What is remembered at once: a station that is cancelled loses no more than this."""

_NO_ROOM: Final = (
    "Couldn't keep an artifact in {folder!r}: {exc}; make room there, or name another folder with"
    " TMPDIR, and run the command again: what was added stays"
)


@dataclass(slots=True)
class Pulled:
    """What a pull did."""

    artifacts: Counter[str] = field(default_factory=Counter)
    """By status: `taken`, `refused`, `gone`, `failed`."""
    runs: int = 0
    """Runs that were new, or better than the stored copy."""
    fork_runs: int = 0
    """Those of them that are of forks."""
    attempts: int = 0
    forgotten: int = 0
    """Runs of forks that made room for newer ones."""
    accepted: int = 0
    """Runs of forks whose commit is on the trusted branch now."""
    problems: list[str] = field(default_factory=list)
    """One sentence for each artifact that was not taken in."""

    def count_run(self, one: Candidate) -> None:
        """Count a run that was added to the history."""
        self.runs += 1
        self.fork_runs += one.run.trust == "fork"
        self.attempts += one.counts.n_attempts

    def count_artifact(self, number: int, status: Status, reason: str) -> None:
        """Count an artifact that was looked at."""
        self.artifacts[status] += 1
        if reason:
            self.problems.append(f"artifact {number}: {reason}")

    def count_forgotten(self, n_runs: int) -> None:
        """Count runs of forks that made room for newer ones."""
        self.forgotten += n_runs


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One artifact, ready to be taken in."""

    number: int
    status: Status
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    fork_bytes: int = 0
    """What the runs of a fork take of the history."""


def pull(
    history: History,
    client: Client,
    *,
    prefix: str,
    limit: int,
    progress: Callable[[int, int], None] | None = None,
) -> Pulled:
    """Take in the journals of all artifacts that were not looked at yet, oldest first.

    What was looked at is stored with the runs, in portions: a pull that is interrupted goes on
    where it was, and one that is repeated finds nothing to do. An artifact that could not be
    downloaded is tried again by the next pulls.

    Raises:
        LimitedError: the limit of requests is reached; what was taken in until then stays.
        GitHubError: the listing cannot be had, or there is no room for an artifact.
        HistoryError: the history cannot be written.
    """
    pulled = Pulled()
    noted = history.artifacts(client.repository)
    todo = _again(client, history) + unseen(client, noted, prefix, limit)
    done = 0
    for batch in _batches(client, history, todo):
        _store(history, client.repository, batch, pulled)
        done += len(batch)
        if progress is not None:
            progress(done, len(todo))
    return pulled


def _again(client: Client, history: History) -> list[Artifact]:
    """Return the artifacts that failed before, as GitHub describes them now."""
    found = []
    for number, note in sorted(history.artifacts(client.repository).items()):
        if note.status == "failed" and note.tries < MAX_TRIES:
            try:
                one = single(client, number)
            except NotAllowedError:
                history.note_artifact(client.repository, number, "gone", "it was deleted")
                continue
            found += [one] if one is not None else []
    return found


def _batches(client: Client, history: History, todo: list[Artifact]) -> Iterator[list[_Fetched]]:
    """Yield what was fetched in portions; the last one too when a limit or a full disk ends it."""
    batch: list[_Fetched] = []
    for artifact in todo:
        try:
            fetched = _weighed(history, artifact, _fetched(client, artifact))
        except (LimitedError, OSError) as exc:
            if batch:
                yield batch
            if isinstance(exc, OSError):
                raise GitHubError(_NO_ROOM.format(folder=gettempdir(), exc=exc)) from exc
            raise
        if batch and fetched.fork_bytes + sum(one.fork_bytes for one in batch) > MAX_SENT_BYTES:
            yield batch
            batch = []
        batch.append(fetched)
        n_attempts = sum(one.counts.n_attempts for each in batch for one in each.candidates)
        if n_attempts >= _BATCH_ATTEMPTS or len(batch) >= _BATCH_ARTIFACTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _weighed(history: History, artifact: Artifact, fetched: _Fetched) -> _Fetched:
    """Return what was fetched of a fork with its size; refuse what takes too much."""
    if artifact.trust == "trusted" or not fetched.candidates:
        return fetched
    n_bytes = history.size_of_forks(fetched.candidates)
    if n_bytes > MAX_SENT_BYTES:
        reason = f"it takes {n_bytes:,} bytes of the history, a fork may take {MAX_SENT_BYTES:,}"
        return _Fetched(artifact.number, "refused", reason=reason)
    return replace(fetched, fork_bytes=n_bytes)


def _fetched(client: Client, artifact: Artifact) -> _Fetched:
    if artifact.is_expired:
        return _Fetched(artifact.number, "gone")
    if artifact.n_bytes > _MAX_ZIP_BYTES[artifact.trust]:
        return _Fetched(artifact.number, "refused", reason=f"it has {artifact.n_bytes:,} bytes")
    with TemporaryDirectory(prefix="nexus-pull-") as name:
        folder = Path(name)
        archive = folder / "artifact.zip"
        try:
            client.download(download_path(artifact.number), archive, _MAX_ZIP_BYTES[artifact.trust])
        except LimitedError:
            raise
        except ArtifactError as exc:
            return _Fetched(artifact.number, "refused", reason=str(exc))
        except GitHubError as exc:
            is_gone = isinstance(exc, NotAllowedError) and exc.status == _GONE
            return _Fetched(artifact.number, "gone" if is_gone else "failed", reason=str(exc))
        return _unpacked(artifact, archive, folder)


def _unpacked(artifact: Artifact, archive: Path, folder: Path) -> _Fetched:
    try:
        paths = unpack(archive, folder, _MAX_JOURNAL_BYTES[artifact.trust])
    except ArtifactError as exc:
        is_cut = artifact.n_bytes > archive.stat().st_size
        return _Fetched(artifact.number, "failed" if is_cut else "refused", reason=str(exc))
    candidates: list[Candidate] = []
    reasons: list[str] = []
    most = _MAX_ATTEMPTS[artifact.trust]
    for path in paths:
        try:
            n_taken = sum(one.counts.n_attempts for one in candidates)
            room = None if most is None else most - n_taken
            candidates.append(_candidate(path, artifact, room))
        except JournalError as exc:
            reasons.append(str(exc).replace(str(folder), f"artifact {artifact.number}"))
    status: Status = "taken" if candidates or not reasons else "refused"
    return _Fetched(artifact.number, status, tuple(candidates), "; ".join(reasons))


def _candidate(path: Path, artifact: Artifact, max_attempts: int | None) -> Candidate:
    """Return the run of a journal, with the trust that GitHub's own word about it deserves."""
    with paused_gc():
        scan = scan_journal(path, max_attempts=max_attempts)
        head = artifact.head if artifact.trust == "fork" else None
        run = scan.run._replace(trust=artifact.trust, head=head)
        return candidate(run, scan.attempts, scan.digest)


def _store(history: History, repository: str, batch: list[_Fetched], pulled: Pulled) -> None:
    candidates = [one for each in batch for one in each.candidates]
    n_forks = sum(one.run.trust == "fork" for one in candidates)
    with paused_gc():
        if n_forks:
            n_bytes = sum(each.fork_bytes for each in batch)
            pulled.count_forgotten(history.make_room_for_forks(n_bytes, n_forks))
        taken = history.add(candidates) if candidates else []
    for one, is_new in zip(candidates, taken, strict=True):
        if is_new:
            pulled.count_run(one)
    for each in batch:
        history.note_artifact(repository, each.number, each.status, each.reason)
        pulled.count_artifact(each.number, each.status, each.reason)
