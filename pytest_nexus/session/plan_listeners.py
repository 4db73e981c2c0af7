"""Hold who listens to the plan of a session, and tell them what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.session.planned import is_in_share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedWords
    from pytest_nexus.domain.records import CollectedTest, Plan, TestKey, TestStats
    from pytest_nexus.plan.foreseen import Prediction
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.plan.selection.rest import Rest
    from pytest_nexus.session.setup import Share


class PlanListeners:
    """The listeners of one session, by what they listen to."""

    def __init__(self) -> None:
        self.of_share: list[Callable[[Plan, Share], None]] = []
        self.of_left_out: list[Callable[[Plan], None]] = []
        self.of_words: list[Callable[[Mapping[str, ChangedWords]], None]] = []
        self.of_selection: list[Callable[[RunSelection], None]] = []
        self.of_rest: list[Callable[[Rest], None]] = []
        self.of_added_rest: list[Callable[[Rest], None]] = []
        self.of_prediction: list[Callable[[Prediction], None]] = []
        self.of_queue: list[Callable[[Sequence[CollectedTest], Plan], None]] = []
        self.of_journal: list[Callable[[Path], None]] = []

    def on_share(self, listener: Callable[[Plan, Share], None]) -> None:
        """Call a listener with the plan of the whole suite, if this session runs a shard."""
        self.of_share.append(listener)

    def on_left_out(self, listener: Callable[[Plan], None]) -> None:
        """Call a listener with the plan of the whole suite, if the plan leaves tests out.

        These listeners are called before those of a share.
        """
        self.of_left_out.append(listener)

    def on_words(self, listener: Callable[[Mapping[str, ChangedWords]], None]) -> None:
        """Call a listener with the identifiers of the changed files, when they are read."""
        self.of_words.append(listener)

    def on_selection(self, listener: Callable[[RunSelection], None]) -> None:
        """Call a listener with what the selection decided about the tests of this session."""
        self.of_selection.append(listener)

    def on_rest(self, listener: Callable[[Rest], None]) -> None:
        """Call a listener with the tests that run after all if another test fails."""
        self.of_rest.append(listener)

    def on_added_rest(self, listener: Callable[[Rest], None]) -> None:
        """Call a listener when these tests begin to run."""
        self.of_added_rest.append(listener)

    def on_prediction(self, listener: Callable[[Prediction], None]) -> None:
        """Call a listener with the forecasts of this session, if they decide its order."""
        self.of_prediction.append(listener)

    def on_queue(self, listener: Callable[[Sequence[CollectedTest], Plan], None]) -> None:
        """Call a listener with the tests and their plan, if they come from a shared queue."""
        self.of_queue.append(listener)

    def on_journal(self, listener: Callable[[Path], None]) -> None:
        """Call a listener with the journal when it has ended, before the history takes it in."""
        self.of_journal.append(listener)

    def tell_forecasts(
        self,
        plan: Plan,
        stats: Mapping[TestKey, TestStats],
        forecaster: Forecaster | None,
        share: Share | None,
    ) -> None:
        """Pass on what was foreseen; shard 1 also names the tests that are left out.

        A session of the rest says nothing: shard 1 has named its tests.
        """
        is_rest = share is not None and share.is_rest
        if forecaster is None or not plan.ranks or is_rest:
            return
        from pytest_nexus.forecast.prediction import prediction_of  # noqa: PLC0415 - not in a brief session

        names_left = share is None or share.shard == 1
        tests = [
            one
            for one in plan.tests
            if is_in_share(one, share) or (names_left and one.verdict.action != "run")
        ]
        for listener in self.of_prediction if tests else ():
            listener(prediction_of(tests, stats, forecaster))
