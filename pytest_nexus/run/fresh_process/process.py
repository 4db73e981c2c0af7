"""Run tests once more in a fresh process: in collection order, or alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_nexus.domain.records import ALONE, FRESH
from pytest_nexus.domain.system.bounded_process import run_bounded
from pytest_nexus.domain.system.originals import dumps, loads, urandom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest

Reach = Literal["all", "files", "alone"]

CONTEXT_VARIABLE: Final = "NEXUS_CONTEXT"
"""Environment variable that tells the fresh process, as JSON, which tests to run. Its keys are
`targets` (node ids), `reach` (`all`, `files` or `alone`), `times`, and `token`. Each line that the
process writes begins with `token`."""

_MAX_BYTES: Final = 32 * 1024 * 1024
_SHARD_VARIABLES: Final = ("NEXUS_SHARD", "NEXUS_PLAN", "NEXUS_QUEUE", CONTEXT_VARIABLE)
_PLUGINS: Final = (
    "-p",
    "pytest_nexus.launch.collection_order_plugin",
    "-p",
    "pytest_nexus.launch.in_context_plugin",
)


@dataclass(frozen=True, slots=True)
class Launch:
    """Records how this session was started, so that another process can be started alike."""

    folder: Path
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    as_module: bool
    """Whether `python -m pytest` was called, which makes the current folder importable."""
    config: pytest.Config

    @classmethod
    def of(cls, config: pytest.Config, environ: Mapping[str, str]) -> Launch | None:
        """Return how a session was started; None if no other process can be started that way."""
        given = config.invocation_params
        if given.plugins or getattr(config.option, "usepdb", False):
            return None
        as_module = not sys.argv[:1] or sys.argv[0].endswith("__main__.py")
        return cls(given.dir, tuple(map(str, given.args)), environ, as_module, config)

    def run(
        self, targets: Sequence[str], reach: Reach, times: int, timeout_s: float
    ) -> dict[str, list[list[pytest.TestReport]]]:
        """Return the reports of all attempts by node id; a test without any report is left out.

        Args:
            targets: node ids.
            reach: which tests run before the targets, see `pytest_nexus.launch.in_context_plugin`.
            times: number of attempts of each target.
            timeout_s: seconds after which the process is ended.

        Raises:
            OSError: the process cannot be started.
        """
        token = f"nexus-{urandom(12).hex()} "
        asked = {"targets": list(targets), "reach": reach, "times": times, "token": token}
        environ = {k: v for k, v in self.environ.items() if k not in _SHARD_VARIABLES}
        environ[CONTEXT_VARIABLE] = dumps(asked)
        done = run_bounded(
            self._command(),
            self.folder,
            environ,
            stdin=b"",
            max_bytes=_MAX_BYTES,
            timeout_s=timeout_s,
        )
        if done is None or done.is_cut:
            return {}
        return self._attempts(done.stdout, token.encode(), ALONE if reach == "alone" else FRESH)

    def _command(self) -> list[str]:
        ours = ["--no-nexus", "--maxfail=0"]
        if any(map(self.config.pluginmanager.hasplugin, ("_cov", "pytest_cov"))):
            ours.append("--no-cov")
        given = list(self.arguments)
        end = given.index("--") if "--" in given else len(given)  # only paths follow it
        given[end:end] = ours
        python = [sys.executable, "-m"] if self.as_module else [sys.executable, "-P", "-m"]
        return [*python, "pytest", *_PLUGINS, *given]

    def _attempts(
        self, output: bytes, token: bytes, worker: str
    ) -> dict[str, list[list[pytest.TestReport]]]:
        found: dict[str, list[list[pytest.TestReport]]] = {}
        torn: set[str] = set()
        for line in output.splitlines():
            if not line.startswith(token):
                continue
            report = self._report(loads(line[len(token) :].decode("utf-8", "replace")))
            if report is None or "context" in report.__dict__:
                torn |= {report.nodeid} if report is not None and report.failed else set()
                continue
            attempts = found.setdefault(report.nodeid, [])
            if report.when == "setup":
                attempts.append([])
            if attempts:
                report.worker_id = worker
                attempts[-1].append(report)
        return {
            nodeid: whole
            for nodeid, attempts in found.items()
            if nodeid not in torn
            and (whole := [one for one in attempts if one[-1].when == "teardown"])
        }

    def _report(self, data: dict[str, Any]) -> Any:
        hook = self.config.hook
        return hook.pytest_report_from_serializable(config=self.config, data=data)
