"""Compute the key of a test in the history, and the key of its function as a fallback."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pytest_nexus.domain.records import FunctionKey, TestKey

MAX_KEY_CHARS: Final = 512
"""Longer keys are cut and end in a digest of the whole key; a parameter may have 10 kB."""

MAX_PARAMETER_CHARS: Final = 100
"""For longer texts pytest 9.2 writes `name0` into the id; older versions wrote the whole text."""

_STASH_KEY: Final = object()
_DIGEST_CHARS: Final = 16
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]{4,16}\b")
_SITE_PACKAGES: Final = re.compile(r"^.*?(?:site|dist)-packages/")


class Identity(NamedTuple):
    """The key of a test and the key of its function."""

    key: TestKey
    function_key: FunctionKey


def identify(item: Any) -> Identity:
    """Return the keys of a collected item.

    The key consists of the node id of the enclosing class or file, the item's own name and its
    parameters. The same test has the same key in every process and on every machine:

    - Memory addresses are masked.
    - The folder above `site-packages` is dropped.
    - A parameter of more than `MAX_PARAMETER_CHARS` characters becomes a digest, because its form
      in the id differs between versions of pytest.
    - A key of more than `MAX_KEY_CHARS` characters is cut and ends in a digest.

    For an item without parameters, or of another plugin's own kind, both keys are the same. The
    item's stash keeps the result, since both the planning and the run of the test need it.
    """
    known: Identity | None = item.stash.get(_STASH_KEY, None)
    if known is None:
        known = item.stash[_STASH_KEY] = _identify(item)
    return known


def _identify(item: Any) -> Identity:
    nodeid: str = item.nodeid
    if not nodeid.endswith("]") and _is_stable(nodeid):
        return Identity(TestKey(nodeid), FunctionKey(nodeid))
    container = stable_path(item.parent.nodeid)
    name: str = item.name
    original: str | None = getattr(item, "originalname", None)
    callspec = getattr(item, "callspec", None)
    if callspec is None or not original or len(name) <= len(original):
        key = _bounded(_mask_addresses(f"{container}::{name}"))
        return Identity(TestKey(key), FunctionKey(key))
    parameters = _stable_parameters(name[len(original) + 1 : -1], callspec.params)
    function = f"{container}::{original}"
    key = _bounded(f"{function}[{_mask_addresses(parameters)}]")
    return Identity(TestKey(key), FunctionKey(_bounded(function)))


def key_of_nodeid(nodeid: str) -> TestKey:
    """Return the key of a test from its node id.

    Use this function for reports of other tools. If the item is available, `identify` is exact.

    >>> key_of_nodeid("lib/python3.12/site-packages/pkg/test_a.py::test_x")
    'pkg/test_a.py::test_x'
    """
    return TestKey(_bounded(_mask_addresses(stable_path(nodeid))))


def function_of_key(key: str) -> FunctionKey:
    """Return the function key that belongs to a test key, without the item.

    The parameters begin at the first `[` after the first `::`; a class or function name has none.

    >>> function_of_key("tests/test_[a].py::test_x[b::c]")
    'tests/test_[a].py::test_x'
    """
    start = key.find("::")
    bracket = key.find("[", start) if start >= 0 else -1
    has_parameters = bracket >= 0 and (key.endswith("]") or key[-_DIGEST_CHARS - 1 :][:1] == "~")
    return FunctionKey(key[:bracket] if has_parameters else key)


def stable_path(path: str) -> str:
    """Return a path without the folder above site-packages, which differs between environments."""
    return _SITE_PACKAGES.sub("", path) if "-packages/" in path else path


def _is_stable(nodeid: str) -> bool:
    return len(nodeid) <= MAX_KEY_CHARS and "0x" not in nodeid and "-packages/" not in nodeid


def _stable_parameters(parameters: str, values: dict[str, object]) -> str:
    for name, value in values.items():
        if isinstance(value, str | bytes) and len(value) > MAX_PARAMETER_CHARS:
            text = value if isinstance(value, str) else value.decode("latin-1")
            pattern = rf"(?:^|(?<=-)){re.escape(name)}\d+(?=-|$)"
            if text in parameters:
                parameters = parameters.replace(text, _digest(text))
            else:
                parameters = re.sub(pattern, _digest(text), parameters, count=1)
    return parameters


def _mask_addresses(text: str) -> str:
    return _ADDRESS.sub("0x", text) if "0x" in text else text


def _bounded(key: str) -> str:
    if len(key) <= MAX_KEY_CHARS:
        return key
    return key[: MAX_KEY_CHARS - _DIGEST_CHARS - 1] + _digest(key)


def _digest(text: str) -> str:
    return "~" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
