"""`nexus plan`: divide a suite among shards, once for all jobs of a CI run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.ci.github_actions import require_outputs
from pytest_nexus.cli.arguments.forecasts import Remembered, forecaster_here, remember
from pytest_nexus.cli.arguments.options import seconds
from pytest_nexus.cli.arguments.selection import Known, selected
from pytest_nexus.cli.learned_values import learned_here
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.cli.run import words
from pytest_nexus.domain.records import MAX_SHARDS
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say, warn_of
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.system.progress_bar import Waiting
from pytest_nexus.errors import PlanError
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.changes import find_change
from pytest_nexus.launch.collect import collect
from pytest_nexus.plan.make import RUN, make_plan
from pytest_nexus.plan.reuse import counted_reasons
from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.selection.rest import has_rest_apart
from pytest_nexus.plan.sharding.divide import divide_plan, inputs_of, narrowest_plan
from pytest_nexus.plan.sharding.document import save_plan
from pytest_nexus.plan.sharding.pieces import ShardCosts
from pytest_nexus.project import (
    add_history_option,
    base_revision,
    history_path,
    project_root,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.domain.records import Change, Plan
    from pytest_nexus.launch.collect import Collected
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.sharding.split import Split

TARGET_S: Final = 300.0
MAX_AUTO_SHARDS: Final = 20
"""The number of jobs that a free account of GitHub runs at once."""

_WORTH_NAMING: Final = 1.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--shards", default=1, type=_shards, metavar="N|auto", help="number of jobs (1)"
    )
    parser.add_argument(
        "--target",
        type=_target,
        default=None,
        metavar="TIME|auto",
        help="with auto shards: time that a shard may take, such as 90s, 5m, 1h; auto: as learned,"
        " else 5m (auto)",
    )
    parser.add_argument(
        "--max-shards",
        type=_limit,
        default=MAX_AUTO_SHARDS,
        metavar="M",
        help=f"with auto: largest number of shards ({MAX_AUTO_SHARDS})",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the plan to this file")
    parser.add_argument(
        "--github-output",
        action="store_true",
        help="add the matrix of the shards to the file in GITHUB_OUTPUT, and rest: whether shards"
        " leave out tests that may run after a failure in another one",
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.add_argument(
        "--args", default="", type=words, metavar="TEXT",
        help="arguments of pytest in one text, split as in a shell, without expansion",
    )  # fmt: skip
    parser.add_argument("pytest_args", nargs="*", metavar="-- PYTEST ARGUMENT")
    parser.set_defaults(run=run)


def run(
    options: argparse.Namespace,
    collecting: Callable[[Sequence[str]], Collected] = collect,
    finding: Callable[[Path, str | None, Mapping[str, str]], Change] = find_change,
) -> int:
    """Collect, divide, write and print the plan.

    Args:
        options: the arguments of the command.
        collecting: returns the tests that pytest collects with the user's arguments.
        finding: returns the change in a folder, as `find_change` does.
    """
    matrix_file = _matrix_file() if options.github_output else None
    options, learned = _with_learned(options)
    with Waiting("pytest collects the tests", is_quiet=options.json):
        suite = collecting([*options.args, *options.pytest_args])
    root = project_root(Path.cwd())
    change = finding(root, base_revision(None), originals.environ)
    known = _known(options.history, change)
    costs = ShardCosts(shard_s=suite.seconds)
    losses: list[str] = []
    forecaster = _forecaster(suite, known, root, losses.append)
    for loss in losses:
        warn_of(loss)
    with paused_gc():
        rules = known.rules.values()
        plan = make_plan(suite.tests, known.stats, change, forecaster=forecaster, rules=rules)
        setups = plan.setups
        facts = Known(history_path(options.history), change, known, bool(losses))
        plan, chosen = selected(plan, suite.session, facts)
        if options.shards == 0:
            plan, split = narrowest_plan(plan, setups, options.target, options.max_shards, costs)
        else:
            plan, split = divide_plan(plan, setups, options.shards, costs)
    ci = ci_run(originals.environ)
    text = save_plan(
        plan, len(split.loads_s), inputs_of(plan, setups), None if ci is None else ci.run_id, chosen
    )
    if options.output is not None:
        _write(options.output, text)
    if matrix_file is not None:
        session = suite.session
        runs_rest = session is not None and session.rest == "after-failure"
        rest = json.dumps(runs_rest and chosen is not None and has_rest_apart(plan, chosen))
        _append(matrix_file, f"matrix={json.dumps(matrix(len(split.loads_s)))}\nrest={rest}\n")
    _print(options, plan, split, suite.seconds, learned)
    return 0


def _with_learned(options: argparse.Namespace) -> tuple[argparse.Namespace, list[str]]:
    """Return the options with learned values in the place of `auto`, and a sentence for each.

    A number of shards and a target that a person wrote win: with either, nothing is learned.
    """
    is_left_to_nexus = not options.shards and options.target is None
    found = learned_here(options.history, ("shards", "target") if is_left_to_nexus else ())
    values = {
        "shards": min(int(found.get("shards", "0")), options.max_shards) or options.shards,
        "target": seconds(found["target"]) if "target" in found else options.target or TARGET_S,
    }
    sentences = [
        f"{name} = {value}, as learned; see `nexus settings list`." for name, value in found.items()
    ]
    return argparse.Namespace(**{**vars(options), **values}), sentences


def matrix(n_shards: int) -> dict[str, list[int]]:
    """Return the matrix of a GitHub workflow.

    >>> matrix(3)
    {'shard': [1, 2, 3], 'shards': [3]}
    """
    return {"shard": list(range(1, n_shards + 1)), "shards": [n_shards]}


def _print(
    options: argparse.Namespace, plan: Plan, split: Split, fixed_s: float, learned: Sequence[str]
) -> None:
    tests = [0] * len(split.loads_s)
    for planned in plan.tests:
        if planned.verdict.action == "run":
            tests[planned.shard - 1] += 1
    rows: list[dict[str, object]] = [
        {"shard": number, "tests": count, "seconds": round(load, 2)}
        for number, (count, load) in enumerate(zip(tests, split.loads_s, strict=True), 1)
    ]
    reasons = counted_reasons(plan) if _selects(plan) else []
    sentences = [*plan.notes, *learned, *_sentences(options, split, fixed_s), *reasons]
    if options.json:
        bound = {"seconds": split.bound.seconds, "limit": split.bound.limit}
        about = {"plan": plan.digest, "tests": len(plan.tests), "fixed_s": fixed_s}
        print_json({**about, "shards": rows, "bound": bound, "notes": sentences})
        return
    print_table(rows, ("shard", "tests", "seconds"))
    say("")
    for sentence in sentences:
        say(sentence)


def _selects(plan: Plan) -> bool:
    return any(planned.verdict != RUN for planned in plan.tests)


def _sentences(options: argparse.Namespace, split: Split, fixed_s: float) -> list[str]:
    bound = split.bound
    limit = bound.limit or "the sum of all tests over the number of shards"
    found = [
        f"The longest shard takes {split.makespan_s:.1f} s.",
        f"No split can do in less than {bound.seconds:.1f} s; the limit is {limit}.",
        f"Each shard has {fixed_s:.1f} s of start and collection in it, as measured here.",
    ]
    if options.shards == 0 and split.makespan_s > options.target:
        found.append(
            f"The target of {options.target:g} s is not met by up to {options.max_shards} shards; "
            f"{len(split.loads_s)} come within 2 % of what those take."
        )
    elif split.ratio > _WORTH_NAMING:
        found.append(f"That is {split.ratio:.2f} times as long: blocks that stay whole leave gaps.")
    return found


def _known(given: str | None, change: Change) -> Remembered:
    history = read_history(history_path(given))
    if history is None:
        return Remembered({}, {})
    with history:
        return remember(history, change)


def _forecaster(
    suite: Collected, known: Remembered, root: Path, lose: Callable[[str], None]
) -> Forecaster | None:
    """Return the forecaster of a session if tests are selected by it, else the shipped model.

    Without a selection, the forecasts only break ties between tests.
    """
    session = suite.session
    if session is not None and parse_mode(session.select).predicts:
        return forecaster_here(known, root, lose)
    return forecast.load(lose=lose)


def _matrix_file() -> Path:
    require_outputs()
    return Path(originals.environ["GITHUB_OUTPUT"])


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise PlanError("NX460", f"Couldn't write the matrix to {str(path)!r}: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, text)
    except OSError as error:
        raise PlanError("NX458", f"Couldn't write the plan to {str(path)!r}: {error}") from error


def _target(text: str) -> float | None:
    """Return the seconds of the target; None for `auto`."""
    return None if text == "auto" else seconds(text)


def _shards(text: str) -> int:
    """Return the number of shards, 0 for `auto`."""
    return 0 if text == "auto" else _limit(text)


def _limit(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_SHARDS:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be from 1 to {MAX_SHARDS}, got {text!r}")
