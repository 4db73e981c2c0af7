"""Check the fields that plugins add to an attempt's line: named JSON values."""

from __future__ import annotations

import re
from typing import Any, Final

from pytest_nexus.domain.system.originals import dumps

MAX_CHARS: Final = 2048
"""Limit of all fields of one attempt together, as JSON; a line has room for more."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+", re.ASCII)


def extra(value: object) -> dict[str, Any]:
    """Return the fields if a line may hold them.

    >>> extra({"acme.joules": 1.5})
    {'acme.joules': 1.5}

    Raises:
        ValueError: the value is no mapping, a name has no namespace, or the JSON is too long.
        TypeError: a value is not a JSON value.
    """
    if type(value) is not dict:
        raise ValueError(f"a mapping is expected, got {value!r:.50}")
    for name in value:
        if type(name) is not str or not _NAME.fullmatch(name):
            raise ValueError(f"a name is a namespace, a dot and a word, got {name!r:.50}")
    if len(extra_text(value)) > MAX_CHARS:
        raise ValueError(f"at most {MAX_CHARS:,} characters of JSON are expected")
    return value


def extra_text(value: dict[str, Any]) -> str:
    """Return the fields as JSON; raises as `json.dumps` does."""
    return str(dumps(value, allow_nan=False, separators=(",", ":")))
