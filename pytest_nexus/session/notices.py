"""Messages to the user about parts that are not available."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Notices:
    """Sentences for the user, each kept once, in order of arrival."""

    def __init__(self) -> None:
        self._sentences: list[str] = []

    def notify(self, sentence: str) -> None:
        """Keep a sentence; the header or the summary shows it once."""
        if sentence not in self._sentences:
            self._sentences.append(sentence)

    def since(self, place: int) -> list[str]:
        """Return the sentences from a position on, counted from 0."""
        return self._sentences[place:]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._sentences))

    def __len__(self) -> int:
        return len(self._sentences)
