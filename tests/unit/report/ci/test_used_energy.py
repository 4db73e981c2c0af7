from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.ci.used_energy import used_wh
from pytest_nexus.report.formats.json_document import as_json
from pytest_nexus.report.formats.markdown import markdown
from tests.support.builders import attempt
from tests.support.sessions import session

if TYPE_CHECKING:
    from pytest_nexus.journal.sessions import Session


def measured(cpu_s: float | None, uid: int = 1) -> Session:
    one = session(attempt(), uid=uid, duration_s=3600.0)
    return replace(one, run=one.run._replace(cpu_s=cpu_s, cores=2))


def test_the_sessions_of_a_run_add_up() -> None:
    idle, busy = used_wh([measured(0.0)]), used_wh([measured(7200.0)])
    assert idle is not None
    assert busy is not None
    assert 0.0 < idle < busy
    assert used_wh([measured(0.0), measured(7200.0, 2)]) == pytest.approx(idle + busy)


def test_an_unknown_processor_time_makes_the_sum_unknown() -> None:
    assert used_wh([]) is None
    assert used_wh([measured(1.0), measured(None, 2)]) is None


@pytest.mark.parametrize(("cpu_s", "is_said"), [(7200.0, True), (None, False)])
def test_the_summary_ends_with_it(cpu_s: float | None, is_said: bool) -> None:
    summary = summarise([measured(cpu_s)], [], Known())
    last = markdown(summary, lambda _: None).rstrip().splitlines()[-1]
    assert (" Wh, an estimate" in last) == is_said
    assert (as_json(summary)["estimated_wh"] is not None) == is_said
