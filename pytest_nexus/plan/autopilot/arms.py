"""Deal the runs of a CI out to the two values of an experiment."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_nexus.plan.autopilot.setting_records import Experiment


def tries(run_id: str, experiment: Experiment) -> bool:
    """Return whether a run gets the new value.

    Every job of a run computes the same answer, without a connection. The digest is a coin that
    no run knows beforehand and that nothing in the run can turn.

    >>> from pytest_nexus.plan.autopilot.setting_records import Experiment
    >>> half = Experiment(1, "v", "shards", "4", "2", "trial", "wall", 0.5, 1.05, 0.0)
    >>> sum(tries(str(run), half) for run in range(1000))
    494
    """
    text = f"{experiment.number}\0{experiment.version}\0{run_id}"
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) < experiment.share * 2**64
