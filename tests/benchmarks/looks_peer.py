"""Runs a suite and writes what nexus sees in each test, and its seconds; for the subject `looks`.

Run in the environment of the suite, in its folder: `python looks_peer.py OUTPUT ARGUMENT...`, with
arguments of pytest. Output: `{"tests": [...], "seconds": [...]}`, the tests that passed as
`read_listing` takes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.run.ordering import describe

if TYPE_CHECKING:
    from pytest_nexus.domain.records import CollectedTest


class _Recorder:
    def __init__(self) -> None:
        self.tests: list[CollectedTest] = []
        self.seconds: dict[str, float] = {}
        self._left_out: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.tests = describe(session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        nodeid = report.nodeid
        self.seconds[nodeid] = self.seconds.get(nodeid, 0.0) + report.duration
        if not report.passed:
            self._left_out.add(nodeid)

    def document(self) -> str:
        kept = [test for test in self.tests if test.nodeid not in self._left_out]
        rows = [test._asdict() for test in kept]
        return json.dumps({"tests": rows, "seconds": [self.seconds[t.nodeid] for t in kept]})


def main(output: str, *arguments: str) -> None:
    """Run the suite and write the document."""
    recorder = _Recorder()
    pytest.main([*arguments], plugins=[recorder])
    Path(output).write_text(recorder.document(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
