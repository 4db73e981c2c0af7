"""What a session is, before anything is known of its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.options import Options
    from pytest_nexus.plan.sharding.document import SavedPlan


class Share(NamedTuple):
    """The part of a suite that this session is to run."""

    shard: int
    """From 1."""
    n_shards: int
    pinned: SavedPlan | None = None
    """The plan to follow. None to make one: equal histories give every shard the same plan."""


class SessionSetup(NamedTuple):
    """One session, on the single process or the controller of xdist."""

    options: Options
    root: Path
    """Pytest's root directory."""
    environ: Mapping[str, str]
    """The environment of the process when the session began."""
    share: Share | None = None
    """None for the whole suite."""
    narrowed_to: Literal["", "files", "tests"] = ""
    """What the command line names, see `record.run_metadata.narrowed_to`."""
    is_distributed: bool = False
    """Whether xdist's workers run the tests."""
    is_quarantined: Callable[[CollectedTest], bool] | None = None
    """Whether a test is in quarantine; None where no test is."""
