"""Extract journals from an artifact, whose content is untrusted."""

from __future__ import annotations

import errno
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_JOURNALS: Final = 64
MAX_MEMBERS: Final = 1024
_CHUNK_BYTES: Final = 256 * 1024
_ENTRY: Final = b"PK\x01\x02"
"""The first bytes of each entry of an archive's table of contents."""

_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The methods that GitHub's own action uses; other methods let the archive choose their memory."""

_OF_THE_MACHINE: Final = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM,
        errno.ENOENT, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    }
)  # fmt: skip
"""Errors that are not caused by the archive; another archive would cause them too."""


def unpack(archive: Path, folder: Path, max_bytes: int) -> list[Path]:
    """Write the journals of an artifact into a folder; return their paths, in the archive's order.

    No name in the archive becomes a path: the files are numbered. Links, folders and other kinds
    of files are skipped. The limit counts unpacked bytes, whatever sizes the archive declares.

    Raises:
        ArtifactError: the file is no archive, holds too much, or is damaged.
        OSError: the disk is full, or refuses in another way.
    """
    with _judged():
        if _n_entries(archive) > MAX_MEMBERS:
            raise ArtifactError("NX814", f"the archive holds more than {MAX_MEMBERS:,} files")
        with zipfile.ZipFile(archive) as opened:
            journals = [one for one in opened.infolist() if _is_journal(one)]
            if len(journals) > MAX_JOURNALS:
                raise ArtifactError(
                    "NX815", f"the archive holds more than {MAX_JOURNALS:,} journals"
                )
            paths, room = [], max_bytes
            for number, member in enumerate(journals):
                paths.append(folder / f"{number}.jsonl")
                room -= _write(opened, member, paths[-1], room)
            return paths


@contextmanager
def _judged() -> Iterator[None]:
    """Separate errors of the archive from errors of the machine that reads it."""
    try:
        yield
    except ArtifactError:
        raise
    except OSError as exc:
        if exc.errno in _OF_THE_MACHINE:
            raise
        raise ArtifactError("NX812", f"the archive is damaged: {exc}") from exc
    except Exception as exc:
        # Each decoder has its own errors, and damage leads to ValueError, struct.error and more.
        raise ArtifactError(
            "NX812", f"the archive is damaged: {exc or type(exc).__name__}"
        ) from exc


def _n_entries(archive: Path) -> int:
    """Count the entries before reading them: in memory, an entry takes 100 times its size."""
    found, rest = 0, b""
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found += (rest + chunk).count(_ENTRY)
            rest = chunk[1 - len(_ENTRY) :]
    return found


def _is_journal(member: zipfile.ZipInfo) -> bool:
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    return member.filename.endswith(".jsonl") and not is_link


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, room: int) -> int:
    if member.compress_type not in _METHODS:
        raise ArtifactError(
            "NX813",
            f"the archive is damaged: GitHub's action does not use compression"
            f" {member.compress_type}",
        )
    n_bytes = 0
    with opened.open(member) as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > room:
                raise ArtifactError(
                    "NX816", "the archive unpacks to more bytes than journals may take"
                )
            target.write(chunk)
    return n_bytes
