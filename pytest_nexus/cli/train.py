"""`nexus train`: train a model on the history, and deploy it if it proves better."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.green_hours import (
    EXIT_DEFERRED,
    add_green_options,
    announce,
    decided,
)
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json
from pytest_nexus.cli.train_search import (
    add_search_arguments,
    refuse_without_search,
    say_search,
    search_json,
    search_of,
)
from pytest_nexus.cli.train_student import (
    add_student_option,
    refuse_for_prior,
    say_student,
    student_json,
)
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar, Waiting
from pytest_nexus.errors import HistoryError, TrainingError
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.project import add_history_option, history_path, project_root
from pytest_nexus.training.extra import require_extra
from pytest_nexus.training.take_back import may_be_taken_back, take_back
from pytest_nexus.training.trigger import Due, due_of

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.energy.windows import Decision
    from pytest_nexus.history.store import History
    from pytest_nexus.training.run import Trained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data", metavar="DIR", help="learn from recorded builds instead of the history's runs"
    )
    parser.add_argument(
        "--from",
        dest="parquet",
        type=Path,
        metavar="FOLDER",
        help="learn from parquet files that `nexus history export --format parquet` wrote, however"
        " many attempts they have",
    )
    parser.add_argument(
        "--prior",
        metavar="FILE",
        help="with --data: write the shipped model, trained on all projects, to FILE",
    )
    parser.add_argument("--seed", type=natural, default=0, help="of samples and trees (default: 0)")
    parser.add_argument(
        "--if-due",
        action="store_true",
        help="train only if there were enough failures since the last training",
    )
    parser.add_argument(
        "--due",
        action="store_true",
        help="print whether a training is due, without training; exit status 1 if it is not due,"
        " and 75 if --when-green puts it off",
    )
    add_student_option(parser)
    add_search_arguments(parser)
    add_green_options(parser)
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, print the result in one line, and store the version in the registry."""
    refuse_for_prior(options)
    refuse_without_search(options)
    _refuse_two_sources(options)
    if options.due or options.if_due:
        found = _due(options)
        if options.due:
            return _answer_due(options, found)
        if not found.is_due:
            _look(options, found)
            _renew_old_promise(options)
            return 0
        _say_due(options, found)
    if options.when_green:
        decision = decided(options)
        _say_when(options, decision)
        if not decision.is_now:
            return EXIT_DEFERRED
    require_extra()
    if options.prior:
        return _write_prior(options)
    take_in_waiting(options.history)
    path = history_path(options.history)
    if not options.data and not options.parquet and not path.exists():
        raise HistoryError(
            "NX518", f"There is no history {str(path)!r} yet; run pytest with --nexus to begin one"
        )
    _say(options, _trained(options, path))
    return 0


def _answer_due(options: argparse.Namespace, due: Due) -> int:
    """Say whether a training is due now; with --when-green, a dirty grid puts it off."""
    decision = decided(options) if due.is_due and options.when_green else None
    lines = [_sentence(due)] + ([] if decision is None else [announce(decision)])
    if options.json:
        until = {} if decision is None else {"deferred_until": decision.until}
        print_json({"due": due.is_due, "reason": due.reason, **until})
    else:
        say(*lines)
    if decision is not None and not decision.is_now:
        return EXIT_DEFERRED
    return 0 if due.is_due else 1


def _trained(options: argparse.Namespace, path: Path) -> Trained:
    """Train on the history at a path, and store the promise of the model deployed then."""
    training = import_module("pytest_nexus.training.run")
    with open_history(path) as history:
        with ExitStack() as training_time:

            def read_lessons() -> Any:
                lessons = _read_lessons(options, history)
                if options.search is None:
                    training_time.enter_context(Waiting("training", is_quiet=options.json))
                return lessons

            judged = ProgressBar("candidates judged", is_quiet=options.json)
            search = search_of(options, training_time.enter_context(judged))
            found: Trained = training.train_version(
                history.models, read_lessons, options.seed, options.student, search
            )
        if options.parquet:
            _renew_if_due(options, history)
        elif not options.data:
            _renew_promise(options, history)
    return found


def _due(options: argparse.Namespace) -> Due:
    """Return whether a training is due; without a history none is due."""
    history = read_history(history_path(options.history))
    if history is None:
        return Due(is_due=False, reason="there is no history yet")
    with history:
        return due_of(history)


def _say_due(options: argparse.Namespace, found: Due) -> None:
    if not options.json:
        say(_sentence(found))


def _say_when(options: argparse.Namespace, decision: Decision) -> None:
    sentence = announce(decision)
    if not options.json:
        say(sentence)
    elif not decision.is_now:
        print_json({"deferred_until": decision.until, "reason": sentence})


def _sentence(found: Due) -> str:
    return f"{'due' if found.is_due else 'not due'}: {found.reason}"


def _look(options: argparse.Namespace, found: Due) -> None:
    """Judge the deployed model where no training is due; needs no extra."""
    taken_back = _taken_back(options)
    if options.json:
        print_json(
            {
                "version": None,
                "deployed": False,
                "taken_back": taken_back,
                "reason": _sentence(found),
            }
        )
        return
    if taken_back is not None:
        say(taken_back)
    say(_sentence(found))


def _renew_promise(options: argparse.Namespace, history: History) -> None:
    """Store the evidence for the promise of selections, for the deployed model."""
    promise = import_module("pytest_nexus.training.selection.stored_promise")
    with ProgressBar("runs replayed for the promise", is_quiet=options.json) as bar:
        promise.renew(history, clock.time(), project_root(Path.cwd()), bar)


def _renew_old_promise(options: argparse.Namespace) -> None:
    """Store the evidence again if it is missing or old."""
    path = history_path(options.history)
    if not path.exists():
        return
    with open_history(path) as history:
        _renew_if_due(options, history)


def _renew_if_due(options: argparse.Namespace, history: History) -> None:
    promise = import_module("pytest_nexus.training.selection.stored_promise")
    if promise.is_due(history, clock.time()):
        _renew_promise(options, history)


def _taken_back(options: argparse.Namespace) -> str | None:
    path = history_path(options.history)
    history = read_history(path)
    if history is None:
        return None
    with history:
        if not may_be_taken_back(history):
            return None
    with open_history(path) as opened:
        return take_back(opened.models, _read_lessons(options, opened).cases)


def _read_lessons(options: argparse.Namespace, history: History) -> Any:
    if options.data:
        recorded = import_module("pytest_nexus.backtest.lessons")
        return recorded.lessons_of_recorded(Path(options.data))
    if options.parquet:
        return _read_parquet(options, history)
    root = project_root(Path.cwd())
    dataset = import_module("pytest_nexus.training.dataset")
    with ProgressBar("runs replayed", is_quiet=options.json) as bar:
        return dataset.lessons_of(history, root=root, progress=bar)


def _read_parquet(options: argparse.Namespace, history: History) -> Any:
    """Return the training set of parquet files, without failures that depend on the order."""
    lessons = import_module("pytest_nexus.training.parquet.parquet_lessons")
    past_in_parquet = import_module("pytest_nexus.history.analytics.attempts_in_order")
    dependent = {key for key, rule in history.order_rules.read().items() if rule.is_certain}
    bar = ProgressBar("runs replayed", is_quiet=options.json)
    with past_in_parquet.open_past(options.parquet) as past, bar:
        return lessons.lessons_of_parquet(past, options.seed, dependent, bar)


def _refuse_two_sources(options: argparse.Namespace) -> None:
    if options.parquet and (options.data or options.prior or options.due or options.if_due):
        raise TrainingError(
            "NX329",
            "--from names all that a training learns from; leave out --data, --prior, --due and"
            " --if-due",
        )


def _say(options: argparse.Namespace, found: Trained) -> None:
    if options.json:
        print_json(
            {
                "version": found.version,
                "deployed": found.is_better,
                "taken_back": found.taken_back,
                "reason": found.reason,
                "failing_runs": found.n_cases,
                "seconds": found.seconds,
                "balance": found.balance,
                **student_json(found.student),
                **search_json(found, options.search),
            }
        )
        return
    if found.taken_back is not None:
        say(found.taken_back)
    say_search(found, options.search)
    if found.version is None:
        say(f"nothing trained: {found.reason}; the incumbent stays")
        say_student(found.student)
        return
    fate = "deployed" if found.is_better else "kept as challenger, the incumbent stays"
    say(f"version {found.version}: {fate}")
    say(found.reason)
    if found.balance is not None:
        say(found.balance)
    say_student(found.student)
    say(f"{found.n_cases:,} runs with a failure, {found.seconds:.1f} s")


def _write_prior(options: argparse.Namespace) -> int:
    if not options.data:
        raise HistoryError("NX906", "--prior needs --data, the folder of the recorded builds")
    shipped_model = import_module("pytest_nexus.backtest.shipped_model")
    name, projects = shipped_model.write_prior(Path(options.data), Path(options.prior))
    say(f"version {name}: fitted to {', '.join(projects)}")
    return 0
