"""The options of `nexus train` for a search of settings, and what it prints of the result."""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.options import positive, seconds
from pytest_nexus.cli.output.tables import print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import TrainingError
from pytest_nexus.training.search.backends import LOKY, THREADING, is_backend

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.domain.system.progress_bar import ProgressBar
    from pytest_nexus.training.run import Trained

_SHOWN: Final = 5
"""Candidates in the table, beside the default settings."""


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--search",
        type=positive,
        metavar="N",
        help="judge N drawn settings of the training on earlier runs, and use the best if it is"
        " proved better",
    )
    parser.add_argument(
        "--search-seconds",
        type=seconds,
        metavar="TIME",
        help="begin no further settings after this time, such as 90s, 5m (default: no limit)",
    )
    parser.add_argument(
        "--backend",
        type=_backend,
        metavar="NAME",
        help=f"where to judge them: {LOKY} (processes), {THREADING}, or dask://HOST:PORT of a"
        f" scheduler (default: {LOKY})",
    )


def refuse_without_search(options: argparse.Namespace) -> None:
    """Refuse options that only a search has, and a search where nothing is trained by it.

    Raises:
        TrainingError: options do not fit together.
    """
    if options.search is None:
        if options.search_seconds is not None or options.backend is not None:
            raise TrainingError(
                "NX320", "--search-seconds and --backend belong to a search; add --search N"
            )
    elif options.prior:
        raise TrainingError(
            "NX320", "The shipped model has no settings to search; leave out --search or --prior"
        )


def search_of(options: argparse.Namespace, bar: ProgressBar) -> Any:
    """Return the search that was asked for; None without one."""
    if options.search is None:
        return None
    found = import_module("pytest_nexus.training.search.find_settings")
    run = import_module("pytest_nexus.training.run")
    backend = options.backend or LOKY
    return run.Search(found.Asked(options.search, options.search_seconds, backend), bar)


def search_json(trained: Trained, asked: int | None) -> dict[str, Any]:
    """Return the result of a search, for JSON; empty if nobody asked."""
    found = trained.search
    if found is None:
        return {}
    rows = [
        {"candidate": number, "gain": gain, "settings": settings.changed}
        for number, (settings, gain) in enumerate(zip(found.judged, found.gains, strict=True))
    ]
    result = {
        "asked": asked,
        "winner": found.winner,
        "better": found.is_better,
        "runs": found.n_runs,
        "reason": found.reason,
        "judged": rows,
    }
    return {"search": result}


def say_search(trained: Trained, asked: int | None) -> None:
    """Print the best candidates of a search, and what becomes of them."""
    found = trained.search
    if found is None or asked is None:
        return
    words = import_module("pytest_nexus.training.search.find_settings").judged_words
    say(words(found, asked))
    best = sorted(range(1, len(found.gains)), key=lambda number: (-found.gains[number], number))
    rows: list[dict[str, object]] = [
        {
            "candidate": number,
            "gain": f"{found.gains[number]:+.4f}",
            "settings": str(found.judged[number]),
        }
        for number in [*best[:_SHOWN], 0]
    ]
    print_table(rows, ("candidate", "gain", "settings"))
    say(found.reason)


def _backend(text: str) -> str:
    if not is_backend(text):
        raise ArgumentTypeError(
            f"must be {LOKY}, {THREADING} or dask://HOST:PORT, got {text!r:.60}"
        )
    return text
