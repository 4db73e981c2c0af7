"""A change whose files are traps: jobs that hold a token execute none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.action.toy import SUITE
from tests.action.traps import NEXUS, QUIET, STANDARD, sprung

if TYPE_CHECKING:
    from tests.action.toy import Toy

pytestmark = [pytest.mark.slow, pytest.mark.posix("steps run in bash on Linux")]


def test_report_of_a_pull_request_executes_nothing_of_its_checkout(toy: Toy) -> None:
    toy.init()
    toy.push()
    toy.commit(QUIET | {"shop/prices.py": "def with_tax(price):\n    return price / 4\n"}, "evil")
    run = toy.request("evil")
    traps = sprung(toy.github, run)
    assert "conftest" in traps["test"], "the traps work where the suite runs"
    assert traps["report"] == []
    assert toy.comments[1][0].startswith("<!-- pytest-nexus report: tests -->\n## ❌ 1 new failure")
    assert run.annotations[0].startswith("::error file=tests/test_prices.py,line=4,")


@pytest.mark.parametrize(
    ("traps", "sign"), [(NEXUS, "pytest_nexus-__init__.py"), (STANDARD, "argparse.py")]
)
def test_traps_that_break_the_suite_do_not_reach_report_and_station(
    toy: Toy, traps: dict[str, str], sign: str
) -> None:
    toy.init()
    toy.push()
    toy.commit(traps)
    found = sprung(toy.github, toy.push())
    assert sign in found["plan"], "the traps work where the suite is collected"
    assert (found["report"], found["station"]) == ([], [])
    with toy.history() as history:
        assert history.count_runs() == 1


def test_traps_below_the_top_are_not_sprung_either(toy: Toy) -> None:
    files = SUITE | QUIET | {"pytest.ini": "[pytest]\nnexus = true\n"}
    toy.init()
    toy.commit({f"api/{path}": text for path, text in files.items()})
    call = f"{toy.workflow}    with: {{working-directory: api}}\n"
    traps = sprung(toy.github, toy.push(call))
    assert "conftest" in traps["test"]
    assert (traps["report"], traps["station"]) == ([], [])
