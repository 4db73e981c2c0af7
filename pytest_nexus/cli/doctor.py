"""`nexus doctor`: say what is set up wrong, each with its remedy."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING

from pytest_nexus.checkup.examine import examine
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.system.console import Styled, say_styled
from pytest_nexus.domain.system.display import line_width
from pytest_nexus.domain.wording import counted
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_nexus.checkup.findings import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run, pytest_args=[])


def run(options: argparse.Namespace) -> int:
    """Print the findings; the exit status is 1 if one of them is a problem."""
    found = examine(options.history, options.pytest_args)
    n_problems = sum(one.level == "problem" for one in found)
    if options.json:
        print_json({"ok": n_problems == 0, "findings": [asdict(one) for one in found]})
    else:
        say_styled(*_lines(found, n_problems))
    return 1 if n_problems else 0


def _lines(found: Sequence[Finding], n_problems: int) -> Iterator[list[Styled]]:
    width = line_width()
    for one in found:
        is_problem = one.level == "problem"
        code = f" [{one.code}]" if one.code else ""
        mark = Styled("x " if is_problem else "- ", "red" if is_problem else "yellow")
        first, *more = wrap(f"{one.problem}{code}", width - 2) or [""]
        yield [mark, Styled(first, "bold")]
        yield from ([Styled(f"  {line}", "bold")] for line in more)
        yield from (
            [Styled(f"  {line}", "cyan")] for line in wrap(f"Remedy: {one.remedy}", width - 2)
        )
        yield [Styled("")]
    if not found:
        yield [Styled("Nothing is set up wrong", "green")]
        return
    n_hints = len(found) - n_problems
    counts = [counted(n, word) for n, word in ((n_problems, "problem"), (n_hints, "hint")) if n]
    yield [Styled(", ".join(counts), "red" if n_problems else "yellow")]
