"""Find the identifiers on changed lines, and the names of the enclosing functions and classes."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.evidence import ChangedWords
from pytest_nexus.domain.system.git import Git, GitError
from pytest_nexus.domain.system.regular_files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import Change

MAX_DIFF_BYTES: Final = 4_000_000
"""The rest of a longer diff is left out: such a change touches nearly everything."""

MAX_FILE_BYTES: Final = 400_000
"""A longer new file is data, or was generated."""

MAX_FILES: Final = 300
"""Of a larger change, only the first files are read."""

IDENTIFIER: Final = re.compile(r"[^\W\d]\w+")
_HUNK: Final = re.compile(r"@@ [^@]* @@(.*)")


def changed_words(
    root: Path, change: Change, environ: Mapping[str, str]
) -> dict[str, ChangedWords]:
    """Return the identifiers with counts by changed file; never raises.

    Files are left out if git cannot show them, if they are not text, or if they lie outside the
    root.
    """
    found: dict[str, ChangedWords] = {}
    base = change.base or change.commit
    if not change.files:
        return found
    if base is not None and (change.dirty or change.base is not None):
        try:
            found = read_words(_diff(Git(root, environ), base))
        except (GitError, ValueError):
            found = {}
    for file in change.files[:MAX_FILES]:
        if file.status == "A" and file.path not in found and not file.path.startswith("../"):
            words = _words_of_file(root / file.path)
            if words is not None:
                found[file.path] = ChangedWords(words, {})
    return found


def read_words(diff: bytes) -> dict[str, ChangedWords]:
    r"""Return the identifiers by new path in a unified diff without context.

    >>> diff = b"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@ def area(side):\n"
    >>> diff += b"-    return side\n+    return 2\n"
    >>> words, around = read_words(diff)["x.py"]
    >>> sorted(words.items())
    [('area', 1), ('def', 1), ('return', 2), ('side', 2)]
    >>> sorted(around.items())
    [('area', 1), ('def', 1), ('side', 1)]
    """
    found: dict[str, ChangedWords] = {}
    old = ""
    words, around = _nothing()
    in_header = True
    for line in diff[:MAX_DIFF_BYTES].decode("utf-8", "replace").split("\n"):
        if line.startswith("diff --git "):
            in_header = True
        elif in_header and line.startswith("--- "):
            old = line[6:]
        elif in_header and line.startswith("+++ "):
            path = (old if line == "+++ /dev/null" else line[6:]).rstrip("\t")
            words, around = _nothing()
            if len(found) < MAX_FILES:
                found[path] = ChangedWords(words, around)
        elif hunk := _HUNK.match(line):
            in_header = False
            names = IDENTIFIER.findall(hunk[1])
            words.update(names)
            around.update(names)
        elif line[:1] in {"+", "-"}:
            words.update(IDENTIFIER.findall(line, 1))
    return found


def _nothing() -> tuple[Counter[str], Counter[str]]:
    return Counter(), Counter()


def _diff(git: Git, base: str) -> bytes:
    return git.run_to(
        MAX_DIFF_BYTES,
        *("diff", "--relative", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "-M"),
        *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules", base, "--"),
    )


def _words_of_file(path: Path) -> Counter[str] | None:
    try:
        content = read_bytes(path, MAX_FILE_BYTES)
    except (OSError, ValueError):
        return None
    if b"\0" in content:
        return None
    return Counter(IDENTIFIER.findall(content.decode("utf-8", "replace")))
