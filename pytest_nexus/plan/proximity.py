"""How near a test is to a change, by nothing but paths and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.tokens import WordMatch, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Change, CollectedTest

CHANGED_FILE: Final = 10.0
"""Its own file changed: most failures that a change brings are in the tests that it touches."""

SAME_PLACE: Final = 3.0
"""A changed file lies in its folder, or beside its folder of tests. Weaker: folders are large."""

SHARED_WORDS: Final = 10.0
"""Its path, or its name, has all words of a changed path, as `test_fields.py` has of `fields.py`;
fewer shared words raise this to the power of the share of meaning that they carry. The better of
path and name counts: both are often named after the same thing, and are one piece of evidence."""

_PROSE: Final = (".md", ".rst", ".txt", ".adoc")
"""What is written for readers breaks few tests, and `docs/api.rst` is not about `test_api.py`."""


class Proximity:
    """By how much a change multiplies the odds that each test of a collection fails."""

    def __init__(self, tests: Sequence[CollectedTest], change: Change) -> None:
        paths = [file.path for file in change.files if not file.path.endswith(_PROSE)]
        test_paths = dict.fromkeys(test.path for test in tests)
        sources = [path for path in paths if path not in test_paths]
        self._changed = frozenset(paths)
        self._folders = frozenset(_folder(path) for path in sources)
        changed_words = [words(path) for path in sources]
        names = dict.fromkeys(test.function_key for test in tests)
        self._in_path = WordMatch({path: path for path in test_paths}, changed_words)
        self._in_name = WordMatch({key: key.partition("::")[2] for key in names}, changed_words)
        self._of_file: dict[str, tuple[float, float]] = {}

    def factor(self, test: CollectedTest) -> float:
        """Return what the change multiplies the odds of a failure with; 1 when it is far away."""
        if not self._changed:
            return 1.0
        of_file = self._of_file.get(test.path)
        if of_file is None:
            of_file = self._of_file[test.path] = self._look_at(test.path)
        place, in_path = of_file
        in_name = self._in_name.share(test.function_key)
        shared = max(in_path, in_name)
        return place * SHARED_WORDS**shared if shared else place

    def explain(self, test: CollectedTest) -> list[str]:
        """Return one sentence for each way in which a test is near to the change."""
        sentences = []
        if test.path in self._changed:
            sentences.append(f"Its file {test.path} changed: times {CHANGED_FILE:g}.")
        if self._is_beside(test.path):
            sentences.append(f"A changed file lies beside it: times {SAME_PLACE:g}.")
        shared, what, hits = max(
            (self._in_path.share(test.path), "path", self._in_path.hits(test.path)),
            (self._in_name.share(test.function_key), "name", self._in_name.hits(test.function_key)),
            key=lambda match: match[0],
        )
        if shared:
            factor = SHARED_WORDS**shared
            named = ", ".join(sorted(hits))
            sentences.append(f"Its {what} shares {named!r} with the change: times {factor:.2g}.")
        return sentences or ["Nothing of the change is near to it."]

    def _look_at(self, path: str) -> tuple[float, float]:
        """Return the factor for where a file lies, and the share of words that its path has."""
        place = CHANGED_FILE if path in self._changed else 1.0
        place *= SAME_PLACE if self._is_beside(path) else 1.0
        return place, self._in_path.share(path)

    def _is_beside(self, path: str) -> bool:
        folder = _folder(path)
        above = _folder(folder)
        return folder in self._folders or (above != "" and above in self._folders)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
