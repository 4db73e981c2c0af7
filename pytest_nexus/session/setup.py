"""The set-up of a session, before its tests are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.options import Options
    from pytest_nexus.plan.sharding.document import SavedPlan


_SHARD: Final = "--nexus-shard"
"""The limit of a shard's run to a part of the suite, among the names of `selected_by`."""


class Share(NamedTuple):
    """The part of a suite that this session runs."""

    shard: int
    """Number of the shard, from 1."""
    n_shards: int
    pinned: SavedPlan | None = None
    """The plan to follow. None to make a plan: equal histories give every shard the same plan."""
    is_rest: bool = False
    """Whether only those tests of the shard run that the plan leaves out as unlikely to fail."""

    @property
    def limits(self) -> tuple[str, ...]:
        """Return the names of what limits the run, among those of `selected_by`."""
        if not self.is_rest:
            return (_SHARD,)
        from pytest_nexus.plan.selection.rest import REST_ALONE  # noqa: PLC0415 - after a failure

        return (_SHARD, REST_ALONE)


class SessionSetup(NamedTuple):
    """The set-up of one session, in the single process or on the controller of xdist."""

    options: Options
    root: Path
    """pytest's root directory."""
    environ: Mapping[str, str]
    """The environment of the process when the session began."""
    share: Share | None = None
    """The shard to run; None for the whole suite."""
    narrowed_to: Literal["", "files", "tests"] = ""
    """The kind of arguments on the command line, see `record.run_metadata.narrowed_to`."""
    is_distributed: bool = False
    """Whether xdist's workers run the tests."""
    is_quarantined: Callable[[CollectedTest], bool] | None = None
    """Return whether a test is quarantined; None if no test is."""
    facts: Callable[[], Mapping[str, str]] = dict
    """Return the digests of the facts that all tests depend on: Python, platform, settings."""
    chosen_by: str = ""
    """How the user chose the tests one by one, see `record.limited_by.chosen_by`."""
    is_queued: bool = False
    """Whether the tests come from a shared queue."""
