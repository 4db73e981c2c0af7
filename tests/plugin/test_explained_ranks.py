"""`nexus explain`, `simulate` and `evaluate` rank as sessions do, shared set-ups included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.test_order_fixtures import FREE, WIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

DEAR = {
    "test_a.py": FREE,
    "pack/__init__.py": "",
    "pack/test_z.py": """
        import time
        import pytest
        class TestSlow:
            @pytest.fixture(scope="class")
            def service(self): time.sleep(0.3)
            def test_calm(self, service): pass
            def test_twice(self, service): time.sleep(0.01)
        def setup_module(): time.sleep(0.1)
        @pytest.fixture(scope="session", params=["a", "b"])
        def backend(request): pass
        def test_backend(backend): assert backend == "a"
        def test_lone(): pass
    """,
}


def ranks(made: Project, *asked: str) -> dict[str, int]:
    """The rank of each test, by the command."""
    done = made.nexus("explain", *asked, "--json")
    assert done.returncode == 0, done.stderr
    return {one["nodeid"]: one["rank"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize("scope", [*WIDE, "nested"])
def test_the_rank_is_the_place_in_which_a_session_runs_the_test(
    project: Callable[..., Project], scope: str
) -> None:
    files = {"test_a.py": FREE, "pack/test_z.py": WIDE.get(scope, ""), "pack/__init__.py": ""}
    made = project(DEAR if scope == "nested" else files)
    for _ in range(3):
        made.run()
    found = ranks(made, ".")
    order = made.run().order
    assert found == {nodeid: at for at, nodeid in enumerate(order, 1)}


def test_a_test_that_is_new_has_its_rank_too(project: Callable[..., Project]) -> None:
    made = project(DEAR)
    made.run()
    made.write({"test_new.py": "def test_new(): pass\n"})
    (rank,) = ranks(made, "test_new.py::test_new").values()
    assert made.run().order[rank - 1] == "test_new.py::test_new"


def test_tests_in_quarantine_are_ranked_as_in_a_session(project: Callable[..., Project]) -> None:
    made = project(
        {
            "test_a.py": FREE + "def test_bad(): assert 0\n",
            "nexus-quarantine.toml": """
                [[quarantine]]
                id = "test_a.py::test_bad"
                reason = "known"
                owner = "@us"
                since = 2026-01-01
            """,
        }
    )
    made.run()
    found = ranks(made, "test_a.py")
    order = made.run().order
    assert found == {nodeid: at for at, nodeid in enumerate(order, 1)}
    told = made.run("--nexus-explain").stdout
    assert "odds start at" not in told


def test_what_follows_two_dashes_selects_as_in_a_session(project: Callable[..., Project]) -> None:
    made = project(DEAR)
    made.run()
    done = made.nexus("explain", "pack", "--json", "--", "-k", "TestSlow")
    found = {one["nodeid"]: one["rank"] for one in json.loads(done.stdout)}
    assert found == {nodeid: at for at, nodeid in enumerate(made.run("-k", "TestSlow").order, 1)}


def test_without_a_collection_it_says_that_each_test_is_ranked_alone(
    project: Callable[..., Project],
) -> None:
    made = project(DEAR)
    made.run()
    asked = ("explain", "pack/test_z.py::test_lone")
    assert "each on its own" not in made.nexus(*asked).stdout
    assert "each on its own" in made.nexus(*asked, "--no-collect").stdout
    made.write({"test_broken.py": "import nothing_of_that_name\n"})
    done = made.nexus(*asked)
    assert done.returncode == 0
    assert "each on its own" in done.stdout
    assert "could not collect the suite" in done.stderr
    assert "Traceback" not in done.stderr


def simulated(made: Project, *arguments: str) -> list[dict[str, Any]]:
    done = made.nexus("simulate", "--json", "--last", "1", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_simulation_charges_shared_set_ups_where_a_session_pays(
    project: Callable[..., Project],
) -> None:
    slow = """
        import time
        def setup_module(): time.sleep(0.5)
        def test_calm(): pass
        def test_usual(): pass
    """
    made = project(
        {
            "test_a.py": slow,
            "test_b.py": "def test_likely(): assert 0\n",
            "test_c.py": slow,
        }
    )
    for _ in range(3):
        made.run()
    off, risk = simulated(made, "--shards", "1", "--order", "off", "risk")
    assert off["first_failure_s"] == pytest.approx(0.5, abs=0.15)
    assert risk["first_failure_s"] < 0.1
    assert off["makespan_s"] == pytest.approx(1.0, abs=0.2)
    (two,) = simulated(made, "--shards", "2")
    assert two["makespan_s"] == pytest.approx(0.5, abs=0.15)  # no module in both shards


def test_an_evaluation_charges_shared_set_ups(project: Callable[..., Project]) -> None:
    """What stands behind 0.5 s of set-up comes late in any order."""
    made = project(
        {
            "test_a.py": "import time\n" + FREE.replace("pass", "time.sleep(0.01)"),
            "test_z.py": WIDE["class"],
        }
    )
    for _ in range(3):
        made.run()
    tables = [json.loads(made.nexus("evaluate", "--json", *each).stdout)
              for each in ((), ("--no-collect",))]  # fmt: skip
    (shared, alone) = (
        {row["order"]: row for row in next(iter(table.values()))["orders"]} for table in tables
    )
    # 0.4 s of the 0.6 s are a set-up that the failing test needs in any order.
    assert shared["nexus"]["first_failure"] > 0.5
    assert shared["nexus"] != alone["nexus"] or shared["fastest first"] != alone["fastest first"]
    notes = " ".join(next(iter(tables[0].values()))["notes"])
    assert "move together" in notes
