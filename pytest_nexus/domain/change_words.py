"""Write the identifiers of a changed file as one short text, as journals and histories keep them.

The text is a list of `name:count` with spaces between. A name of an enclosing function or class
also stands there with `@` before it: `area:2 side:1 @area:1`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.evidence import ChangedWords

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_FILES: Final = 30
"""Files of one change whose identifiers are kept."""
MAX_NAMES: Final = 200
"""Identifiers of one file that are kept, the most frequent ones."""
MAX_CHARS: Final = 8_000
"""Length of the text of one file."""

_MAX_NAME_CHARS: Final = 80
_MAX_COUNT: Final = 9_999
_TOKEN: Final = re.compile(r"(@?)([^\W\d]\w{0,79}):([1-9]\d{0,3})")


def packed(changed: ChangedWords) -> str:
    """Return the text of a changed file; empty without identifiers.

    >>> packed(ChangedWords({"side": 1, "area": 2}, {"area": 1}))
    'area:2 side:1 @area:1'
    """
    parts = [*_parts(changed.words, ""), *_parts(changed.around, "@")]
    text = ""
    for part in parts:
        if len(text) + len(part) >= MAX_CHARS:
            break
        text = f"{text} {part}" if text else part
    return text


def unpacked(text: str) -> ChangedWords:
    """Return the identifiers of a text.

    Raises:
        ValueError: the text is too long, or no list of names with counts.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"the words of a change are longer than {MAX_CHARS:,} characters")
    words: dict[str, int] = {}
    around: dict[str, int] = {}
    for part in text.split(" ") if text else ():
        match = _TOKEN.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r:.50} is no name with a count")
        (around if match[1] else words)[match[2]] = int(match[3])
    return ChangedWords(words, around)


def _parts(counts: Mapping[str, int], mark: str) -> Iterator[str]:
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    fitting = (each for each in ranked if len(each[0]) <= _MAX_NAME_CHARS and each[1] > 0)
    for (name, count), _ in zip(fitting, range(MAX_NAMES), strict=False):
        yield f"{mark}{name}:{min(count, _MAX_COUNT)}"
