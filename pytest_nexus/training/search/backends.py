"""Judge candidates through a backend of joblib: processes, threads, or a Dask cluster."""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import TrainExtraMissingError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOKY: Final = "loky"
THREADING: Final = "threading"
_DASK: Final = re.compile(r"dask://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)

CONNECT_S: Final = 10.0
"""Seconds for a scheduler to answer, and for its first worker to join."""
TASK_S: Final = 1800.0
"""Seconds after which a task without a result means that its worker is lost."""


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers of an open backend."""

    n: int
    """Tasks that run at once."""
    _parallel: Any
    _where: str

    def all_of(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the results of a function for the arguments of all tasks, in their order.

        Raises:
            TrainingError: a worker was lost, or cannot load what the function needs.
        """
        delayed = import_module("joblib").delayed
        try:
            return list(self._parallel(delayed(function)(*task) for task in tasks))
        except (MemoryError, KeyboardInterrupt):
            raise
        except Exception as exc:
            first = next(iter(str(exc).splitlines()), "") or type(exc).__name__
            raise TrainingError(
                "NX325",
                f"A worker of {self._where} failed: {type(exc).__name__}: {first:.200};"
                " every worker needs pytest-nexus-ci[train] of this version, and enough memory",
            ) from exc


def is_backend(text: str) -> bool:
    """Return whether a text names a backend.

    >>> [is_backend(text) for text in ("loky", "dask://127.0.0.1:8786", "dask://", "spark")]
    [True, True, False, False]
    """
    return text in {LOKY, THREADING} or _DASK.fullmatch(text) is not None


@contextmanager
def opened(backend: str, n_workers: int = -1) -> Iterator[Workers]:
    """Open a backend for the time of a search.

    Args:
        backend: `loky`, `threading`, or `dask://HOST:PORT` of a scheduler.
        n_workers: tasks that run at once; -1 for one on each processor, or worker thread of Dask.

    Raises:
        TrainExtraMissingError: joblib or Dask is missing.
        TrainingError: the scheduler does not answer, or has no worker.
    """
    joblib = _joblib()
    with ExitStack() as resources:
        if backend in {LOKY, THREADING}:
            options: dict[str, Any] = {"backend": backend}
            if backend == LOKY:
                options["inner_max_num_threads"] = 1
        else:
            options = {"backend": "dask", "client": resources.enter_context(_client(backend))}
        resources.enter_context(joblib.parallel_config(**options))
        n = joblib.effective_n_jobs(n_workers)
        # One process of its own needs no timeout, and joblib then warns of one.
        timeout_s = TASK_S if n > 1 or options["backend"] == "dask" else None
        parallel = resources.enter_context(joblib.Parallel(n_jobs=n, timeout=timeout_s))
        yield Workers(n, parallel, backend)


def _joblib() -> Any:
    try:
        return import_module("joblib")
    except ImportError as exc:
        raise TrainExtraMissingError(
            "NX321", f"A search needs joblib ({exc}); pip install 'pytest-nexus-ci[train]'"
        ) from exc


@contextmanager
def _client(backend: str) -> Iterator[Any]:
    try:
        distributed = import_module("distributed")
    except ImportError as exc:
        raise TrainExtraMissingError(
            "NX322", f"This backend needs Dask ({exc}); pip install 'pytest-nexus-ci[dask]'"
        ) from exc
    address = backend.replace("dask://", "tcp://", 1)
    with _quiet("distributed"):
        try:
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as exc:
            raise TrainingError(
                "NX323",
                f"The scheduler {backend} did not answer within {CONNECT_S:.0f} s;"
                " start it with `dask scheduler`, or leave --backend out",
            ) from exc
        with client:
            try:
                client.wait_for_workers(1, timeout=CONNECT_S)
            except TimeoutError as exc:
                raise TrainingError(
                    "NX324",
                    f"No worker joined the scheduler {backend} within {CONNECT_S:.0f} s; start one"
                    f" with `dask worker {address}`",
                ) from exc
            yield client


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep the warnings of a library out of the output; its errors become one line."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
