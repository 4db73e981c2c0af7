"""The option of `nexus train` that says how large the trees for sessions may be."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.output.tables import print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import HistoryError
from pytest_nexus.training.asked_size import asked_size

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.training.student_figures import StudentFacts

_COLUMNS = (
    *("size", "comparisons", "times_fewer", "apfdc", "auc", "auc_error"),
    *("skill", "skill_error", "log_loss_%", "note"),
)


def add_student_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--student",
        type=_size,
        metavar="SIZE",
        help="trees for sessions: TREESxLEAVES such as 4x8, or `auto` for the smallest that loses"
        " next to nothing against the large trees (default: 8x8, not compared)",
    )


def refuse_for_prior(options: argparse.Namespace) -> None:
    """Refuse a size for the shipped model.

    Raises:
        HistoryError: both options are given.
    """
    if options.prior and options.student:
        raise HistoryError(
            "NX880", "The shipped model has no trees; leave out --student or --prior"
        )


def student_json(found: StudentFacts | None) -> dict[str, Any]:
    """Return the comparison of student and teacher, for JSON; empty if nobody asked."""
    if found is None:
        return {}
    return {"student": {"reason": found.sentence, "sizes": found.rows, **found.figures}}


def say_student(found: StudentFacts | None) -> None:
    """Print the comparison of student and teacher."""
    if found is None:
        return
    say(found.sentence)
    if found.rows:
        print_table(found.rows, _COLUMNS)


def _size(text: str) -> str:
    try:
        asked_size(text)
    except ValueError as exc:
        raise ArgumentTypeError(str(exc)) from exc
    return text
