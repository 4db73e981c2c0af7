"""What is used of xdist beyond its hooks, in one place; imported only where xdist runs.

xdist carries no type information, so its objects are described here as far as they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import execnet
from xdist import dsession, remote, report, workermanage  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


_HAS_NEW_NAME: Final = hasattr(workermanage, "parse_tx_spec_config")
"""Whether the name of a function is that of pytest-xdist 3.7."""

CAN_REPEAT: Final = hasattr(remote.WorkerInteractor, "run_one_test")
"""Whether a worker has the method that `run/xdist_worker_seam.py` replaces."""


class Gateway(Protocol):
    """execnet's end of the connection to a worker."""

    id: str

    def newchannel(self) -> Any:
        """Return a channel that can be sent to the other side."""


class WorkerNode(Protocol):
    """`xdist.workermanage.WorkerController`; has `workeroutput` once it ended in good order."""

    gateway: Gateway
    workerinput: dict[str, Any]

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Append tests to the queue of the worker."""

    def send_steal(self, indices: Sequence[int]) -> None:
        """Ask for tests back; answered by `remove_pending_tests_from_node`."""

    def shutdown(self) -> None:
        """Let the worker end after its queue."""


class DSession(Protocol):
    """`xdist.dsession.DSession`: takes one event after the other off its queue.

    An event `("name", arguments)` calls the method `worker_name`.
    """

    queue: Any
    shuttingdown: bool
    """Whether all workers were told to end."""
    shouldstop: bool | str
    """Why they are to be told."""
    worker_testreport: Any
    worker_logstart: Any
    worker_logfinish: Any
    countfailures: int
    worker_nexus_wake: Any
    worker_nexus_call: Any
    """Not of xdist: called for the events `nexus_wake` and `nexus_call` of `ReportFilter`."""


def controller(config: pytest.Config) -> DSession:
    """Return xdist's own session object."""
    return cast("DSession", config.pluginmanager.get_plugin("dsession"))


def count_workers(config: pytest.Config) -> int:
    """Return how many workers start with the session."""
    return len(_specs(config))


def are_local(config: pytest.Config) -> bool:
    """Return whether all workers run on this machine, with this interpreter."""
    specs = map(execnet.XSpec, _specs(config))
    return all(spec.popen and not spec.python for spec in specs)


def _specs(config: pytest.Config) -> list[str]:
    """Return where the workers run, in execnet's terms, one for each."""
    name = "parse_tx_spec_config" if _HAS_NEW_NAME else "parse_spec_config"
    return list(getattr(workermanage, name)(config))


def max_worker_restart(config: pytest.Config) -> int | None:
    """Return how many crashed workers xdist replaces before it ends the run; None: all."""
    limit: int | None = dsession.get_default_max_worker_restart(config)
    return limit


def difference(
    ids: Sequence[str], other_ids: Sequence[str], name: str, other_name: str
) -> str | None:
    """Return xdist's words for two workers that collected differently; None if they did not."""
    message: str | None = report.report_collection_diff(ids, other_ids, name, other_name)
    return message
