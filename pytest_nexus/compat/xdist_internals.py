"""All uses of xdist beyond its hooks; imported only where xdist runs.

xdist has no type information. So this module describes the parts of its objects that nexus uses.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import execnet
from xdist import dsession, remote, report, workermanage  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest


_HAS_NEW_NAME: Final = hasattr(workermanage, "parse_tx_spec_config")
"""Whether the function has the name of pytest-xdist 3.7."""

CAN_REPEAT: Final = hasattr(remote.WorkerInteractor, "run_one_test")
"""Whether a worker has the method that `compat/xdist_worker_internals.py` replaces."""


class Gateway(Protocol):
    """execnet's end of the connection to a worker."""

    id: str

    def newchannel(self) -> Any:
        """Return a channel that can be sent to the other side."""


class WorkerNode(Protocol):
    """`xdist.workermanage.WorkerController`; has `workeroutput` after a regular end."""

    gateway: Gateway
    workerinput: dict[str, Any]

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Append tests to the worker's queue."""

    def send_steal(self, indices: Sequence[int]) -> None:
        """Request tests back; the worker answers with `remove_pending_tests_from_node`."""

    def shutdown(self) -> None:
        """Let the worker end after its queue is empty."""


class DSession(Protocol):
    """`xdist.dsession.DSession`: takes the events from its queue, one after the other.

    An event `("name", arguments)` calls the method `worker_name`.
    """

    queue: Any
    shuttingdown: bool
    """Whether all workers were asked to end."""
    shouldstop: bool | str
    """The reason why workers are to end; False without a reason."""
    worker_testreport: Any
    worker_logstart: Any
    worker_logfinish: Any
    countfailures: int
    worker_nexus_wake: Any
    worker_nexus_call: Any
    """Added by nexus: called for the events `nexus_wake` and `nexus_call` of `ReportFilter`."""


def controller(config: pytest.Config) -> DSession:
    """Return xdist's own session object."""
    return cast("DSession", config.pluginmanager.get_plugin("dsession"))


def count_workers(config: pytest.Config) -> int:
    """Return the number of workers that start with the session."""
    return len(_specs(config))


def are_local(config: pytest.Config) -> bool:
    """Return whether all workers use this machine and this interpreter."""
    specs = map(execnet.XSpec, _specs(config))
    return all(spec.popen and not spec.python for spec in specs)


def _specs(config: pytest.Config) -> list[str]:
    """Return the execnet specification of each worker."""
    name = "parse_tx_spec_config" if _HAS_NEW_NAME else "parse_spec_config"
    return list(getattr(workermanage, name)(config))


def max_worker_restart(config: pytest.Config) -> int | None:
    """Return how many crashed workers xdist replaces before it ends the run; None for all."""
    limit: int | None = dsession.get_default_max_worker_restart(config)
    return limit


def difference(
    ids: Sequence[str], other_ids: Sequence[str], name: str, other_name: str
) -> str | None:
    """Return xdist's message about workers that collected differently; None if they agree."""
    message: str | None = report.report_collection_diff(ids, other_ids, name, other_name)
    return message


def show_deselected(config: pytest.Config, nodeids: Iterable[str]) -> None:
    """Count tests as deselected in the summary of a controller, which has no items of its own."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    stats = getattr(terminal, "stats", None)
    if isinstance(stats, dict):
        # Other plugins look for attributes in everything that is counted.
        stand_ins = [
            SimpleNamespace(nodeid=nodeid, name=nodeid, config=config) for nodeid in nodeids
        ]
        stats.setdefault("deselected", []).extend(stand_ins)
