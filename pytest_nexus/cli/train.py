"""`nexus train`: learn from the history, and deploy what is proved better."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.errors import HistoryError, ModelRefusedError, TrainExtraMissingError
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.predictor.model.document import ModelError, dump, load, load_named, version
from pytest_nexus.project import add_history_option, history_path
from pytest_nexus.training.trigger import Due, due_of

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.history.sqlite.models import Registry
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.training.champion import Lessons, Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", metavar="DIR", help="learn from recorded builds instead of the history's runs"
    )
    parser.add_argument(
        "--prior",
        metavar="FILE",
        help="with --data: write the model that is shipped, fitted across all projects, to FILE",
    )
    parser.add_argument("--seed", type=natural, default=0, help="of samples and trees (default: 0)")
    parser.add_argument(
        "--if-due", action="store_true", help="train only if enough failed since the last training"
    )
    parser.add_argument(
        "--due",
        action="store_true",
        help="say whether a training is due, and train nothing; exit status 1 if it is not",
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, say what came of it in one line, and keep the version in the registry."""
    if options.due or options.if_due:
        is_due = _asked(options)
        if options.due or not is_due:
            return 0 if is_due or options.if_due else 1
    require_extra()
    if options.prior:
        return _write_prior(options)
    take_in_waiting(options.history)
    path = history_path(options.history)
    if not options.data and not path.exists():
        raise HistoryError(
            f"There is no history {str(path)!r} yet; run pytest with --nexus to begin one"
        )
    with open_history(path) as history:
        started_s = clock.perf_counter()
        lessons = _lessons(options, history)
        champion = history.models.champion()
        prior = load(forecaster.prior())
        incumbent = prior if champion is None else usable(champion)
        outcome = import_module("pytest_nexus.predictor.training.champion").train(
            lessons, incumbent, prior, options.seed
        )
        parent = None if champion is None else champion.version
        made = _version(outcome, lessons, parent, options.seed, started_s)
        seconds = clock.perf_counter() - started_s
        if outcome.apfdc is not None:
            _keep(history.models, made, outcome)
    _say(options, made, outcome, len(lessons.cases), seconds)
    return 0


def _asked(options: argparse.Namespace) -> bool:
    """Say whether a training is due; without a history none is."""
    history = read_history(history_path(options.history))
    if history is None:
        found = Due(is_due=False, reason="there is no history yet")
    else:
        with history:
            found = due_of(history)
    said = f"{'due' if found.is_due else 'not due'}: {found.reason}"
    if not options.json:
        say(said)
    elif options.due:
        print_json({"due": found.is_due, "reason": found.reason})
    elif not found.is_due:
        print_json({"version": None, "deployed": False, "reason": said})
    return found.is_due


def require_extra() -> None:
    """Raise the error that names the extra, where what it brings is not installed."""
    try:
        import_module("sklearn")
        import_module("pandas")
    except ImportError as exc:
        raise TrainExtraMissingError(
            f"This command needs scikit-learn and pandas ({exc});"
            " pip install 'pytest-nexus-ci[train]'"
        ) from exc


def usable(stored: Version) -> Model:
    """Return the model of a stored version.

    Raises:
        ModelRefusedError: its row was tampered with, or it is of other features.
    """
    try:
        model: Model = load_named(stored.version, stored.document)
    except ModelError as exc:
        raise ModelRefusedError(
            f"Model {stored.version} {exc}; `nexus model rollback` deploys the one before"
        ) from exc
    return model


def _lessons(options: argparse.Namespace, history: Any) -> Lessons:
    lessons = import_module("pytest_nexus.training.dataset")
    if options.data:
        found: Lessons = lessons.lessons_of_recorded(Path(options.data))
        return found
    if sys.stderr.isatty():
        warn("replaying the history ...")
    learned: Lessons = lessons.lessons_of(history)
    return learned


def _version(
    outcome: Outcome, lessons: Lessons, parent: str | None, seed: int, started_s: float
) -> Version:
    digest = import_module("pytest_nexus.predictor.training.champion").digest_of(lessons)
    lineage = import_module("pytest_nexus.training.lineage")
    card = {
        **outcome.model.card,
        "kind": "own",
        "rows": digest,
        "seed": seed,
        "failing_runs": len(lessons.cases),
    }
    document = dump(replace(outcome.model, card=card))
    metrics = lineage.metrics_of(outcome, clock.perf_counter() - started_s)
    return Version(
        version(document),
        parent,
        clock.time(),
        document,
        json.dumps(lineage.lineage_of(lessons, digest, seed)),
        json.dumps(metrics),
    )


def _keep(registry: Registry, made: Version, outcome: Outcome) -> None:
    registry.add(made)
    alias = registry.alias("champion")
    if outcome.is_better and alias != made.version:
        registry.set_alias("champion", made.version, made.created_at)
    elif not outcome.is_better and registry.alias("challenger") != made.version:
        registry.set_alias("challenger", made.version, made.created_at)


def _say(
    options: argparse.Namespace, made: Version, outcome: Outcome, n_cases: int, seconds: float
) -> None:
    if options.json:
        print_json(
            {
                "version": made.version if outcome.apfdc else None,
                "deployed": outcome.is_better,
                "reason": outcome.reason,
                "failing_runs": n_cases,
                "seconds": seconds,
            }
        )
        return
    if outcome.apfdc is None:
        say(f"nothing trained: {outcome.reason}; the incumbent stays")
        return
    fate = "deployed" if outcome.is_better else "kept as challenger, the incumbent stays"
    say(f"version {made.version}: {fate}")
    say(outcome.reason)
    say(f"{n_cases:,} runs with a failure, {seconds:.1f} s")


def _write_prior(options: argparse.Namespace) -> int:
    if not options.data:
        raise HistoryError("--prior needs --data, the folder of the recorded builds")
    folder = Path(options.data)
    names = import_module("pytest_nexus.backtest.builds").projects(folder)
    model = import_module("pytest_nexus.backtest.shipped_model").train_prior(folder, names)
    document = dump(model)
    Path(options.prior).write_text(document + "\n", encoding="utf-8")
    say(f"version {version(document)}: fitted to {', '.join(names)}")
    return 0
