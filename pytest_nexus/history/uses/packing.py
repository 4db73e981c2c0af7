"""Pack sets of dependencies, and the uses of a run, into short blobs. Pure functions.

A blob may come from a damaged or hostile file. So every function that unpacks one is bounded.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from itertools import accumulate, chain, compress, pairwise
from operator import sub
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.domain.validation import array as array_of
from pytest_nexus.domain.validation import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SETS_PER_PACK: Final = 64
MAX_PACK_BYTES: Final = 4 * 1024 * 1024
"""Limit of the sets of a pack together, without compression."""

MAX_RUN_BYTES: Final = 64 * 1024 * 1024
MAX_LEVEL_BYTES: Final = 16 * 1024 * 1024
MAX_STATEMENTS: Final = 1_000_000

_FULL_BYTES: Final = 256 * 1024
"""A pack takes no more sets after this size."""

_LONG: Final = 255
"""Part of a distance that goes on in the next byte."""

_ENDS: Final = bytes(each != _LONG for each in range(256))
_IS_BIG: Final = sys.byteorder == "big"


def pack_members(members: Iterable[int]) -> bytes:
    r"""Return ascending ids as distances, one byte each; 255 adds the next byte.

    >>> pack_members([3, 4, 300])
    b'\x03\x01\xff)'
    """
    ids = list(members)
    gaps = list(map(sub, ids, chain((0,), ids)))
    packed = bytearray()
    start = 0
    for at in compress(range(len(gaps)), map(_LONG.__le__, gaps)):
        packed += bytes(gaps[start:at])
        packed += b"\xff" * (gaps[at] // _LONG)
        packed.append(gaps[at] % _LONG)
        start = at + 1
    packed += bytes(gaps[start:])
    return bytes(packed)


def members_of(packed: bytes) -> Iterator[int]:
    """Return the ids of a set, in ascending order.

    >>> list(members_of(pack_members([3, 4, 300])))
    [3, 4, 300]
    """
    return compress(accumulate(packed), packed.translate(_ENDS))


def portions(sets: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield packed sets in portions that fit into a pack."""
    portion: list[bytes] = []
    size = 0
    for packed in sets:
        if portion and (len(portion) == SETS_PER_PACK or size + len(packed) > _FULL_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(packed)
        size += len(packed)
    if portion:
        yield portion


def pack_sets(sets: Sequence[bytes]) -> bytes:
    """Return packed sets as one compressed blob; similar sets take little space."""
    lengths = array("I", map(len, sets))
    return zlib.compress(bytes((len(sets),)) + _bytes(lengths) + b"".join(sets))


def sets_of(blob: bytes) -> list[bytes]:
    """Return the packed sets of a blob.

    Raises:
        ValueError: it is no such blob, or is too large.
    """
    data = _inflated(blob, MAX_PACK_BYTES)
    count = data[0]
    ends = list(accumulate(_integers(data[1 : 1 + 4 * count]), initial=1 + 4 * count))
    if ends[-1] != len(data):
        raise ValueError("a pack of sets does not end where it should")
    return [data[start:end] for start, end in pairwise(ends)]


def pack_run(tests: Sequence[tuple[int, int, int]]) -> bytes:
    """Return the uses of a run: for each test, in ascending order, its id and two set ids."""
    columns = [list(column) for column in zip(*tests, strict=True)] or [[], [], []]
    deltas = [array("i", map(sub, column, chain((0,), column))) for column in columns]
    return zlib.compress(b"".join(map(_bytes, deltas)))


def run_of(blob: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the uses of a run, see `pack_run`.

    Raises:
        ValueError: it is no such blob, or is too large.
    """
    data = _inflated(blob, MAX_RUN_BYTES)
    n_bytes, rest = divmod(len(data), 3)
    if rest or n_bytes % 4:
        raise ValueError("the uses of a run are cut off")
    columns = [accumulate(_integers(data[at : at + n_bytes], "i")) for at in _starts(n_bytes)]
    yield from zip(*columns, strict=True)


def pack_statements(statements: Iterable[tuple[str, str]]) -> bytes:
    """Return names and digests of statements as a compressed blob."""
    packed = dumps(list(statements), ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(packed.encode("utf-8", "replace"))


def statements_of(blob: bytes) -> tuple[tuple[str, str], ...]:
    """Return names and digests of statements.

    Raises:
        ValueError: it is no such blob, or is too large.
    """
    found = array_of(loads(_inflated(blob, MAX_LEVEL_BYTES)), MAX_STATEMENTS)
    return tuple((text(name, MAX_LEVEL_BYTES), text(digest, 16)) for name, digest in found)


def _starts(n_bytes: int) -> tuple[int, int, int]:
    return 0, n_bytes, 2 * n_bytes


def _inflated(blob: bytes, most: int) -> bytes:
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(blob, most)
    except zlib.error as error:
        raise ValueError(f"a blob of dependencies: {error}") from error
    if not machine.eof:
        raise ValueError("a blob of dependencies is cut off or too large")
    return data


def _bytes(numbers: array[int]) -> bytes:
    if _IS_BIG:
        numbers.byteswap()
    return numbers.tobytes()


def _integers(data: bytes, code: str = "I") -> array[int]:
    numbers = array(code)
    numbers.frombytes(data)
    if _IS_BIG:
        numbers.byteswap()
    return numbers
