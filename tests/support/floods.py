"""Journals of forks that are small to send and costly to take in."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MIB = 1024 * 1024


def flood(name: str, uid: int, n_bytes: int) -> bytes:
    """An archive with one journal of so many bytes, made of lines of one sort."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.jsonl", "w", force_zip64=True) as member,
    ):
        head = {"kind": "run", "schema": 1, "run_uid": f"{uid:032x}", "started_at": 1e9 + uid}
        size = member.write(json.dumps(head).encode() + b"\n")
        lines = FLOODS[name](uid)
        while size < n_bytes:
            size += member.write("".join(next(lines) for _ in range(500)).encode())
    return buffer.getvalue()


def _passed(name: str) -> str:
    return (
        f'{{"kind":"attempt","nodeid":"{name}","at":0.000000,"setup":["passed",0.000000],'
        '"call":["passed",0.000000],"teardown":["passed",0.000000]}\n'
    )


def _quick(uid: int) -> Iterator[str]:
    """As the writer writes a test that passed."""
    for number in range(10**9):
        yield _passed(f"{uid}{number}")


def _parsed(uid: int) -> Iterator[str]:
    """As short as a line can be that is parsed."""
    for number in range(10**9):
        yield f'{{"kind":"attempt","nodeid":"{uid}{number}","at":0,"call":["failed",0]}}\n'


def _repeated(uid: int) -> Iterator[str]:
    """The same tests again and again."""
    for number in range(10**9):
        name = f"{uid}{number // 1000}"
        yield (
            f'{{"kind":"attempt","nodeid":"{name}","number":{1 + number % 1000},"at":0,'
            '"call":["passed",0]}\n'
        )


def _long(uid: int) -> Iterator[str]:
    """With names as long as they may be."""
    for number in range(10**9):
        yield _passed(f"{uid}{number}".ljust(1000, "x"))


def _wide(uid: int) -> Iterator[str]:
    """With names that take four bytes a character in memory."""
    for number in range(10**9):
        yield _passed(f"{uid}{number}\U0001f600".ljust(500, "x"))


def _failures(uid: int) -> Iterator[str]:
    """Each with a reason of its own."""
    text = "x" * 500
    for number in range(10**9):
        failure = {"phase": "call", "exception": text, "where": text, "message": text,
                   "signature": f"{uid}{number}"}  # fmt: skip
        line = {"kind": "attempt", "nodeid": "t", "number": 1 + number % 1000,
                "key": f"{uid}{number // 1000}", "at": 0, "call": ["failed", 0],
                "failure": failure}  # fmt: skip
        yield json.dumps(line) + "\n"


def _garbage(uid: int) -> Iterator[str]:
    """Which no reader takes."""
    while True:
        yield '{"kind":"attempt"}\n'


FLOODS: dict[str, Callable[[int], Iterator[str]]] = {
    "quick": _quick, "parsed": _parsed, "repeated": _repeated, "long": _long, "wide": _wide,
    "failures": _failures, "garbage": _garbage,
}  # fmt: skip
