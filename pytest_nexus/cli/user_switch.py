"""Store the word of a user who switches a part of nexus on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.history.store import open_history
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pytest_nexus.history.queries.user_word import UserWord, Word
    from pytest_nexus.history.store import History


def switch(
    options: argparse.Namespace, part: Callable[[History], UserWord], word: Word, effect: str
) -> int:
    """Store a word in the history, and print what follows from it.

    Raises:
        HistoryError: there is no history, or it cannot be used.
    """
    take_in_waiting(options.history)
    with required_history(options.history):
        pass
    with open_history(history_path(options.history)) as history:
        part(history).say(word, clock.time())
    say(effect)
    return 0
