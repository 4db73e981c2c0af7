"""What is known when someone decides which tests need not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


class Circumstances(NamedTuple):
    """What is known when someone decides which tests need not run."""

    root: Path
    """pytest's root directory."""
    environ: Mapping[str, str]
    history: Path
    change: Change
    facts: Callable[[], Mapping[str, str]]
    """Return the digests of the facts of the session by name."""
    stats: Mapping[TestKey, TestStats]
    rules: Collection[OrderRule] = ()
    is_quarantined: Callable[[CollectedTest], bool] | None = None
    journal: Path | None = None
    """The folder of the journals, whose files are no news; None if it is not known."""
    is_asked: bool = False
    """Whether the command line asks for the selection; it applies then in every run of a CI."""
    rule: str = ""
    """The value of `nexus_select`."""
    failing: Collection[str] = ()
    """Keys of the tests that failed in their last run on this branch."""
    is_model_of_evidence: bool = True
    """Whether the forecasts come from the model with which the evidence for promises was made."""
    is_shared: bool = False
    """Whether other sessions have to decide the same, because they run other shards."""
    chosen_by: str = ""
    """How the user chose the tests of this session one by one, such as `--lf`; empty for others."""
