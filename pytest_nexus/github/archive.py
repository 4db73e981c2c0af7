"""Journals out of an artifact, whose content anyone may have made."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

MAX_JOURNALS: Final = 64
MAX_MEMBERS: Final = 1024
_CHUNK_BYTES: Final = 256 * 1024
_WRONG: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""A damaged archive, one compressed in an unknown way, and one with a password."""


def unpack(archive: Path, folder: Path, max_bytes: int) -> list[Path]:
    """Write the journals of an artifact into a folder; return their paths, in the archive's order.

    No name of the archive becomes a path: the files are numbered. Links, folders and files of
    other kinds are passed over. Bytes are counted as they are unpacked, whatever the archive says.

    Raises:
        ArtifactError: it is no archive, holds too much, or is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > MAX_MEMBERS:
                raise ArtifactError(f"the archive holds more than {MAX_MEMBERS:,} files")
            journals = [one for one in members if _is_journal(one)]
            if len(journals) > MAX_JOURNALS:
                raise ArtifactError(f"the archive holds more than {MAX_JOURNALS:,} journals")
            paths, room = [], max_bytes
            for number, member in enumerate(journals):
                paths.append(folder / f"{number}.jsonl")
                room -= _write(opened, member, paths[-1], room)
            return paths
    except _WRONG as exc:
        raise ArtifactError(f"the archive is damaged: {exc}") from exc


def _is_journal(member: zipfile.ZipInfo) -> bool:
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    return member.filename.endswith(".jsonl") and not is_link


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, room: int) -> int:
    n_bytes = 0
    with opened.open(member) as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > room:
                raise ArtifactError("the archive holds more than an artifact of journals may")
            target.write(chunk)
    return n_bytes
