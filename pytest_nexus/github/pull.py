"""Take in the journals of CI jobs: list, download, check, ingest, remember."""

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
    with_code,
)
from pytest_nexus.github.archive import unpack
from pytest_nexus.github.artifacts import download_path, single, unseen
from pytest_nexus.history.exchange.forks import MAX_SENT_BYTES
from pytest_nexus.history.exchange.merge import candidate, known_uses
from pytest_nexus.journal.reader import scan_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_nexus.github.artifacts import Artifact
    from pytest_nexus.github.client import Client
    from pytest_nexus.history.exchange.merge import Candidate
    from pytest_nexus.history.sqlite.seen_artifacts import Status
    from pytest_nexus.history.store import History

MAX_TRIES: Final = 5
"""Number of pulls after which an artifact that cannot be downloaded is given up."""

_GONE: Final = 410
_MIB: Final = 1024 * 1024
_MAX_ZIP_BYTES: Final = {"trusted": 256 * _MIB, "fork": 16 * _MIB}
_MAX_JOURNAL_BYTES: Final = {"trusted": 2048 * _MIB, "fork": 16 * _MIB}
_MAX_ATTEMPTS: Final = {"trusted": None, "fork": 100_000}
"""Limit over all journals of an artifact; an attempt takes about 130 bytes of journal."""

_BATCH_ATTEMPTS: Final = 200_000
_BATCH_ARTIFACTS: Final = 25
"""Artifacts stored at once: a maintenance job that is cancelled loses no more than these."""

_NO_ROOM: Final = (
    "Couldn't store an artifact in {folder!r}: {exc}; free some space there, or set TMPDIR, and run"
    " the command again: the runs that were added stay"
)


@dataclass(slots=True)
class Pulled:
    """The result of a pull."""

    artifacts: Counter[str] = field(default_factory=Counter)
    """By status: `taken`, `refused`, `gone`, `failed`."""
    runs: int = 0
    """Runs that were new, or better than the stored copy."""
    fork_runs: int = 0
    """The number of these runs that come from forks."""
    attempts: int = 0
    forgotten: int = 0
    """Runs of forks that were removed to make room for newer runs."""
    accepted: int = 0
    """Runs of forks whose commit is now on the trusted branch."""
    problems: list[str] = field(default_factory=list)
    """One sentence for each artifact that was not taken in."""

    def count_run(self, one: Candidate) -> None:
        """Count a run that was added to the history."""
        self.runs += 1
        self.fork_runs += one.run.trust == "fork"
        self.attempts += one.counts.n_attempts

    def count_artifact(self, number: int, status: Status, reason: str) -> None:
        """Count an artifact that was examined."""
        self.artifacts[status] += 1
        if reason:
            self.problems.append(f"artifact {number}: {reason}")

    def count_forgotten(self, n_runs: int) -> None:
        """Count runs of forks that were removed to make room."""
        self.forgotten += n_runs


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One downloaded artifact, ready to be taken in."""

    number: int
    status: Status
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    fork_bytes: int = 0
    """Bytes that the runs of a fork take in the history."""


def pull(
    history: History,
    client: Client,
    *,
    prefix: str,
    limit: int,
    progress: Callable[[int, int], None] | None = None,
) -> Pulled:
    """Take in the journals of all unseen artifacts, oldest first.

    The results are stored in portions, together with the runs. So an interrupted pull continues
    where it stopped, and a repeated pull finds nothing to do. Later pulls try again to download an
    artifact whose download failed.

    Raises:
        LimitedError: the limit of requests is reached; the runs taken in so far stay.
        GitHubError: the listing is not available, or there is no room for an artifact.
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
    """Yield downloaded artifacts in portions; a limit or a full disk ends with a last portion."""
    batch: list[_Fetched] = []
    for artifact in todo:
        try:
            fetched = _weighed(history, artifact, _fetched(client, artifact))
        except (LimitedError, OSError) as exc:
            if batch:
                yield batch
            if isinstance(exc, OSError):
                raise GitHubError("NX808", _NO_ROOM.format(folder=gettempdir(), exc=exc)) from exc
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
    """Return the artifact of a fork with its size; refuse it if it takes too much room."""
    if artifact.trust == "trusted" or not fetched.candidates:
        return fetched
    n_bytes = history.size_of_forks(fetched.candidates)
    if n_bytes > MAX_SENT_BYTES:
        reason = with_code(
            "NX810",
            f"the artifact takes {n_bytes:,} bytes of the history;"
            f" a fork may take {MAX_SENT_BYTES:,}",
        )
        return _Fetched(artifact.number, "refused", reason=reason)
    return replace(fetched, fork_bytes=n_bytes)


def _fetched(client: Client, artifact: Artifact) -> _Fetched:
    if artifact.is_expired:
        return _Fetched(artifact.number, "gone")
    if artifact.n_bytes > _MAX_ZIP_BYTES[artifact.trust]:
        reason = f"the artifact is larger than {_MAX_ZIP_BYTES[artifact.trust]:,} bytes"
        return _Fetched(artifact.number, "refused", reason=with_code("NX809", reason))
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
    """Return the run of a journal, with the trust that GitHub's own data gives it."""
    with paused_gc():
        scan = scan_journal(path, max_attempts=max_attempts)
        head = artifact.head if artifact.trust == "fork" else None
        run = scan.run._replace(trust=artifact.trust, head=head)
        is_known = scan.uses_lines is not None and run.trust == "trusted"
        uses = known_uses(scan.uses) if is_known else None
        return candidate(run, scan.attempts, scan.digest, uses)


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
