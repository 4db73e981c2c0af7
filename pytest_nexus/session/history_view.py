"""Read the results of earlier runs once, before a session is planned.

This module is imported when a plan is made. A brief session orders nothing and does not import it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.ci.branches import default_branch
from pytest_nexus.domain.evidence import NO_STREAKS
from pytest_nexus.domain.records import USUAL
from pytest_nexus.errors import (
    CorruptHistoryError,
    HistoryError,
    NewerHistoryError,
    NexusError,
    with_code,
)
from pytest_nexus.forecast import forecaster
from pytest_nexus.forecast.snapshot import told_by_pairs
from pytest_nexus.history.ingest import sweep
from pytest_nexus.history.sqlite.connection import set_aside
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.impact.changed_identifiers import changed_words
from pytest_nexus.impact.test_code import read_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedAndFailed, Streaks
    from pytest_nexus.domain.records import Balance, Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.history.sqlite.models import DeployedModel
    from pytest_nexus.history.store import History
    from pytest_nexus.options import Options
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


SHORT_S: Final = 1.0
"""Total test time, in seconds, below which ordering the tests costs more than it gains."""


class HistoryView(NamedTuple):
    """The results of earlier runs."""

    n_runs: int
    n_tests: int
    stats: Mapping[TestKey, TestStats]
    """Emptied when the plan is made: objects that live until the end slow the session down."""
    deployed: DeployedModel | None = None
    """The project's own model; None if the project has none."""
    past: Sequence[ChangedAndFailed] = ()
    """Failed tests with the files that changed before each failure; emptied like `stats`."""
    streaks: Streaks = NO_STREAKS
    """Last failures on this branch and on the default branch."""
    rules: Mapping[TestKey, OrderRule] = MappingProxyType({})
    """Rules about tests that depend, or may depend, on the tests before them."""
    knows_uses: bool = False
    """Whether it is known of any test what the test used."""
    balance: Balance = USUAL
    """How the order divides the start of a run between known failures and new ones."""

    def expects_little(self, keys: Iterable[TestKey]) -> bool:
        """Return whether no test ever failed and all together take at most `SHORT_S`."""
        known = [self.stats.get(key) for key in keys]
        seconds = [test.duration_s for test in known if test is not None and not test.failures]
        return len(seconds) == len(known) and sum(seconds) <= SHORT_S


NOTHING: Final = HistoryView(0, 0, {})
"""The view of a project without history."""


def learn(
    options: Options,
    change: Callable[[], Change],
    environ: Mapping[str, str],
    lose: Callable[[str], None],
) -> HistoryView:
    """Return the view of the history, after taking in the waiting journals; never raises.

    Args:
        options: of the session.
        change: returns what changed; called after the journals are taken in.
        environ: the environment of this process.
        lose: takes a sentence for the user about data that cannot be read.
    """
    view = NOTHING
    try:
        view = _learn(options, change, environ)
    except CorruptHistoryError as exc:
        lose(_start_cold(options, exc))
    except NexusError as exc:
        lose(str(exc))
    if options.model == "auto":
        return view
    return view._replace(deployed=_deployed(options, environ, view.deployed, lose))


def _deployed(
    options: Options,
    environ: Mapping[str, str],
    own: DeployedModel | None,
    lose: Callable[[str], None],
) -> DeployedModel | None:
    """Return the model that the option `nexus_model` names, else the history's."""
    from pytest_nexus.session.deployed_model import deployed_model  # noqa: PLC0415 - if named

    try:
        return deployed_model(options, environ, own, lose)
    except NexusError as exc:
        lose(str(exc))
        return own


def _learn(
    options: Options,
    change: Callable[[], Change],
    environ: Mapping[str, str],
) -> HistoryView:
    if options.ingest:
        try:
            with open_history(options.history) as history:
                sweep(history, options.journal)
                return _read(history, change(), environ)
        except (CorruptHistoryError, NewerHistoryError):
            raise
        except HistoryError:
            pass  # perhaps read-only; the end of the session reports it if it cannot write either
    read = read_history(options.history)
    if read is None:
        return NOTHING
    with read as history:
        return _read(history, change(), environ)


def _read(
    history: History,
    change: Change,
    environ: Mapping[str, str],
) -> HistoryView:
    stats = history.recall()
    past = history.cofailures(told_by_pairs(change))
    streaks = history.streaks(change.branch, default_branch(environ))
    deployed = history.deployed_model()
    rules = history.order_rules.read()
    return HistoryView(
        history.count_runs(),
        len(stats),
        stats,
        deployed,
        past,
        streaks,
        rules,
        history.reuse.knows_uses(),
        history.models.balance(),
    )


def _start_cold(options: Options, exc: CorruptHistoryError) -> str:
    """Move a damaged history aside if the session may write; return a sentence about the damage."""
    if not options.ingest:
        return with_code(
            "NX220", f"{exc.message}; the file stays unchanged, and this run has no history"
        )
    try:
        kept = set_aside(options.history)
    except OSError as error:
        return with_code("NX221", f"{exc.message}; it could not be set aside: {error}")
    return with_code(
        "NX219", f"{exc.message}; it is set aside as {kept.name}, and a new history begins"
    )


def read_texts(
    root: Path, tests: Sequence[CollectedTest], change: Change, environ: Mapping[str, str]
) -> forecaster.Texts:
    """Return the texts of the change and of the tests that can be read within a second or two."""
    words = changed_words(root, change, environ)
    paths = {test.path for test in tests}
    sources = {file.path for file in change.files} - paths
    declared: dict[str, set[str]] = {}
    for test in tests:
        if test.depends_on:
            declared.setdefault(test.path, set()).update(test.depends_on)
    code = read_code(root, paths, words, sources, declared) if change.files else {}
    return forecaster.Texts(words, code)
