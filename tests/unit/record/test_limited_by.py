from __future__ import annotations

import pytest

from pytest_nexus.domain.records import Plan, PlannedTest, Verdict
from pytest_nexus.plan.make import RUN
from pytest_nexus.record.limited_by import left_out_by
from tests.support.builders import collected, expect

HOOK = Verdict("leave", "its name says so")
UNLIKELY = Verdict("leave", "unlikely to fail at confidence:99%")
BUDGET = Verdict("leave", "beyond the budget of 5m")
REUSED = Verdict("reuse", "passed before")


@pytest.mark.parametrize(
    ("verdicts", "names"),
    [
        ([], ()),
        ([RUN], ()),
        ([HOOK, RUN], ("nexus-select",)),
        ([UNLIKELY, RUN], ("nexus-unlikely",)),
        ([RUN, BUDGET], ("nexus-unlikely",)),
        ([REUSED, UNLIKELY, HOOK], ("nexus-select", "nexus-unlikely", "nexus-reuse")),
    ],
)
def test_each_way_to_leave_tests_out_has_its_name(
    verdicts: list[Verdict], names: tuple[str, ...]
) -> None:
    planned = (
        PlannedTest(collected(f"a.py::t{at}"), verdict, at, expect(0.1))
        for at, verdict in enumerate(verdicts)
    )
    assert left_out_by(Plan(tuple(planned), "")) == names
