"""`nexus order bisect` and `nexus order hunt` with real sessions of suites that depend on order."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.wording import counted
from pytest_nexus.history.store import read_history
from tests.support.messages import assert_message, messages
from tests.support.project import Project, hears_interrupts
from tests.support.repository import init

if TYPE_CHECKING:
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule

pytestmark = pytest.mark.usefixtures("forked_sessions")
PADDING = "import pytest\n@pytest.mark.parametrize('n', range({n}))\ndef test_padding(n): pass\n"
LEAVES_A_FILE = """
    import pathlib
    import pytest

    LEFT = pathlib.Path(__file__).with_name("left")

    @pytest.fixture(scope="session", autouse=True)
    def clean():
        LEFT.unlink(missing_ok=True)
        yield
        LEFT.unlink(missing_ok=True)
"""

SUITES: dict[str, tuple[dict[str, str], str, list[str], str]] = {
    "state of a module, across files": (
        {
            "shop.py": "TABLE = {}\n",
            "test_a.py": "import shop\ndef test_sets(): shop.TABLE['a'] = 1\n",
            "test_c.py": "import shop\ndef test_needs(): assert shop.TABLE['a'] == 1\n",
        },
        "test_c.py::test_needs",
        ["test_a.py::test_sets"],
        "brittle",
    ),
    "an environment variable": (
        {
            "test_a.py": "import os\ndef test_exports(): os.environ['SHOP'] = '1'\n",
            "test_c.py": "import os\ndef test_default(): assert 'SHOP' not in os.environ\n",
        },
        "test_c.py::test_default",
        ["test_a.py::test_exports"],
        "victim",
    ),
    "a file, by a test of another file": (
        {
            "conftest.py": LEAVES_A_FILE,
            "test_a.py": "import conftest\ndef test_writes(): conftest.LEFT.write_text('x')\n",
            "test_c.py": "import conftest\ndef test_reads(): assert conftest.LEFT.read_text()\n",
        },
        "test_c.py::test_reads",
        ["test_a.py::test_writes"],
        "brittle",
    ),
    "an attribute of a class, in the class": (
        {
            "test_a.py": """
                class TestCart:
                    items = []

                    def test_adds(self):
                        self.items.append(1)

                    def test_other(self):
                        pass

                    def test_is_empty(self):
                        assert self.items == []
            """,
        },
        "test_a.py::TestCart::test_is_empty",
        ["test_a.py::TestCart::test_adds"],
        "victim",
    ),
    "a patch that is not undone, by a later test": (
        {
            "shop.py": "def price(): return 1\n",
            "test_a.py": """
                import shop

                class TestPrice:
                    def test_true(self):
                        assert shop.price() == 1
            """,
            "test_c.py": "import shop\ndef test_patches(): shop.price = lambda: 2\n",
        },
        "test_a.py::TestPrice::test_true",
        ["test_c.py::test_patches"],
        "victim",
    ),
    "two others together": (
        {
            "shop.py": "SEEN = set()\n",
            "test_a.py": "import shop\ndef test_one(): shop.SEEN.add(1)\ndef test_more(): pass\n",
            "test_c.py": """
                import shop

                class TestTwo:
                    def test_two(self):
                        shop.SEEN.add(2)

                def test_both():
                    assert shop.SEEN == {1, 2}
            """,
        },
        "test_c.py::test_both",
        ["test_a.py::test_one", "test_c.py::TestTwo::test_two"],
        "brittle",
    ),
}
BREAKS_DOWN = """
    import os

    def pytest_runtestloop():
        if os.environ.get("NEXUS_PROBE"):
            raise OSError(7)
"""
FLAKY = """
    import os

    def test_flaky():
        assert os.getpid() % 2
"""


@pytest.fixture
def suite(tmp_path: Path) -> Project:
    files, *_ = SUITES["state of a module, across files"]
    return planted(tmp_path / "project", files)


def planted(root: Path, files: dict[str, str]) -> Project:
    """A suite with more tests than those that matter, one of them flaky."""
    more = {"test_b.py": PADDING.format(n=9), "test_b_flaky.py": FLAKY}
    return Project(root, more | {"pytest.ini": "[pytest]\npythonpath = .\n"} | files)


def order(project: Project, *arguments: str, **variables: str) -> Any:
    """The finished command, in an environment where pytest finds nexus by itself."""
    return project.nexus("order", *arguments, env=found(**variables))


def found(**variables: str) -> dict[str, str | None]:
    unused = {"PYTEST_ADDOPTS": "-p no:hypothesispytest"}  # its import is half of a short session
    return {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": None} | unused | variables


def rules(project: Project) -> dict[str, OrderRule]:
    history = read_history(project.history_path)
    assert history is not None
    with history:
        return {str(key): rule for key, rule in history.order_rules.read().items()}


def state(project: Project) -> list[Path]:
    return list((project.root / ".nexus").glob("bisect/*"))


@pytest.mark.parametrize("name", SUITES)
def test_a_planted_dependence_is_found_stored_and_reproduced(tmp_path, name):
    files, nodeid, others, kind = SUITES[name]
    project = planted(tmp_path / "project", files)
    done = order(project, "bisect", nodeid, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["kind"], result["others"]) == ("found", kind, others)
    assert not result["flaky"]
    assert result["probes"] <= 20
    rule = rules(project)[nodeid]
    assert (rule.kind, list(rule.others), rule.found_by) == (kind, others, "bisect")
    assert rule.is_certain
    assert rule.n_failed + rule.n_passed == result["probes"]
    assert state(project) == project.journals == [], "probes are recorded nowhere"
    for how, command in result["commands"].items():
        session = project.run(*shlex.split(command)[1:], nexus=False)
        assert session.order == [*others, nodeid][-len(session.order) :], "as the arguments say"
        assert session.exit_status == (how == "fails"), session.stdout


REAL = ("energy/test_grid_factors.py", "energy/test_regions.py", "ci/test_current_run.py",
        "ci/test_providers.py")  # fmt: skip
"""Files of a suite that people wrote for its own sake: unit tests of nexus."""

PLANTS = {
    "test_regions.py": """

def test_planted_setter():
    from pytest_nexus.energy import power
    power.OF_THE_SHOP = 1
""",
    "test_providers.py": """

def test_planted_default():
    from pytest_nexus.energy import power
    assert not hasattr(power, "OF_THE_SHOP")
""",
    "test_current_run.py": """

def test_planted_needs():
    from pytest_nexus.energy import power
    assert power.WAS_SHUT
""",
    "test_grid_factors.py": """

def test_planted_gate():
    from pytest_nexus.energy import power
    power.WAS_SHUT = True
""",
}


def test_pairs_planted_in_a_real_suite_are_found(tmp_path):
    unit = Path(__file__).parents[1] / "unit"
    texts = {path.rpartition("/")[2]: (unit / path).read_text("utf-8") for path in REAL}
    files = {f"test_{at}/{name}": texts[name] + PLANTS[name]
             for at, name in enumerate(sorted(texts, reverse=True))}  # fmt: skip
    project = Project(tmp_path / "project", {"pytest.ini": "[pytest]\n"} | files)
    pairs = {
        "test_1/test_providers.py::test_planted_default": "test_0/test_regions.py::test_planted_setter",  # noqa: E501 - a pair
        "test_3/test_current_run.py::test_planted_needs": "test_2/test_grid_factors.py::test_planted_gate",  # noqa: E501 - a pair
    }
    done = order(project, "hunt", "--runs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    told = {line.split()[1] for line in lines if line.startswith("order-dependent: ")}
    assert told == set(pairs), "and no other test"
    for nodeid, other in pairs.items():
        done = order(project, "bisect", nodeid, "--json")
        result = json.loads(done.stdout)
        assert (result["status"], result["others"]) == ("found", [other]), done.stderr
        assert result["probes"] <= 2 * log2(60) + 5


def test_the_search_is_told_step_by_step_and_shown_afterwards(suite):
    done = order(suite, "bisect", "test_c.py::test_needs")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("probe 1: alone: failed in ")
    assert said[1].startswith("probe 2: after 11 tests: passed in ")
    assert said[-5] == "test_c.py::test_needs passes only after test_a.py::test_sets"
    assert said[-4] == "it fails with KeyError: 'a'"
    assert said[-3].startswith(f"{len(said) - 5} probes in ")
    assert said[-2:] == [
        "passes: pytest test_a.py::test_sets test_c.py::test_needs",
        "fails: pytest test_c.py::test_needs",
    ]
    assert order(suite).stdout.endswith("\n1 test depends on the order\n")
    again = order(suite, "bisect", "test_c.py::test_needs", "--json")
    assert json.loads(again.stdout)["probes"] == 5, "what the history knows is tried first"


def test_a_finding_that_no_longer_holds_is_forgotten(suite):
    order(suite, "bisect", "test_c.py::test_needs")
    assert list(rules(suite)) == ["test_c.py::test_needs"]
    suite.write({"test_c.py": "def test_needs(): pass\n"})
    assert "no order was found" in order(suite, "bisect", "test_c.py::test_needs").stdout
    assert order(suite).stdout == "0 tests depend on the order\n"


def test_two_tests_of_one_file_run_in_the_order_of_the_arguments(suite):
    suite.write({"test_d.py": "def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass\n"})
    session = suite.run("test_d.py::test_3", "test_a.py", "test_d.py::test_1", nexus=False)
    assert session.names == ["test_3", "test_sets", "test_1"]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("def test_x(): pass", 0, "no order was found in which test_c.py::test_x fails"),
        ("def test_x(): assert 0", 1, "test_c.py::test_x is broken, whatever runs before it"),
    ],
)
def test_what_does_not_depend_on_the_order_is_said(suite, text, status, words):
    suite.write({"test_c.py": text})
    done = order(suite, "bisect", "test_c.py::test_x")
    assert done.returncode == status, done.stderr
    assert words in done.stdout
    assert not suite.history_path.exists(), "nothing was found that could be stored"


def test_a_flaky_test_is_called_flaky(suite):
    text = """
        import pathlib

        def test_x():
            with pathlib.Path(__file__).with_name("runs").open("a+") as file:
                file.write("x")
                assert file.tell() not in (2, 3)
    """
    suite.write({"test_c.py": text})
    done = order(suite, "bisect", "test_c.py::test_x")
    assert done.returncode == 1, done.stdout
    assert "test_c.py::test_x is flaky: it failed in 2 of " in done.stdout


def test_other_plugins_neither_reorder_nor_divide_nor_select(suite):
    shuffle = """
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(items):
            yield
            items.reverse()
    """
    ini = "[pytest]\npythonpath = .\naddopts = -n 2 --lf -x\n"
    suite.write({"conftest.py": shuffle, "pytest.ini": ini})
    suite.run("-n0", "test_b.py", nexus=False)
    done = order(suite, "bisect", "test_c.py::test_needs", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["others"] == ["test_a.py::test_sets"]
    assert "-n0" in shlex.split(result["commands"]["passes"])


def test_pytest_gets_its_arguments(suite):
    done = order(suite, "bisect", "test_c.py::test_needs", "--json", "--", "-k", "sets or needs")
    assert json.loads(done.stdout)["probes"] == 4, "there is one candidate"


@pytest.mark.parametrize("bound", ["--runs", "--budget"])
def test_a_bound_ends_the_search_and_the_next_call_goes_on(suite, bound):
    probed, budget_s = 0, 0.25
    for _ in range(30):
        value = "3" if bound == "--runs" else f"{budget_s}s"
        done = order(suite, "bisect", "test_c.py::test_needs", bound, value)
        if done.returncode == 0:
            break
        assert "not finished: " in done.stdout, done.stderr
        if "[NX758]" in done.stdout:
            budget_s *= 1.5
        else:
            (kept,) = state(suite)
            n_kept = len(json.loads(kept.read_text())["rows"])
            assert n_kept > probed
            probed = n_kept
    assert done.returncode == 0
    assert probed
    assert f"{counted(probed, 'probe')} of an earlier call can be used" in done.stdout
    assert rules(suite)["test_c.py::test_needs"].others == ("test_a.py::test_sets",)
    assert state(suite) == []


def test_a_budget_too_small_for_one_probe_says_so(suite):
    done = order(suite, "bisect", "test_c.py::test_needs", "--budget", "0.01s")
    assert done.returncode == 1
    assert_message(done.stdout, "NX758", "--budget")
    order(suite, "bisect", "test_c.py::test_needs", "--runs", "1")
    again = order(suite, "bisect", "test_c.py::test_needs", "--budget", "0.01s")
    assert_message(again.stdout, "NX758", "--budget")
    assert "1 probe of an earlier call can be used" in again.stdout
    unfinished = order(suite, "bisect", "test_c.py::test_needs", "--runs", "1", "--json")
    assert json.loads(unfinished.stdout)["status"] == "unfinished"


def test_a_probe_that_hangs_ends_with_the_budget(suite):
    suite.write({
        "test_a.py": "import shop\ndef test_sets(): shop.TABLE['a'] = 1\n",
        "test_c.py": "import shop, time\ndef test_needs():\n if shop.TABLE: time.sleep(90)\n",
    })  # fmt: skip
    done = order(suite, "bisect", "test_c.py::test_needs", "--budget", "4s")
    assert done.returncode == 1
    assert "probe 1: alone: passed" in done.stdout
    assert "not finished: 1 probe in " in done.stdout


def begun(project: Project) -> subprocess.Popen[str]:
    """The command, once it has kept two probes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_nexus.cli.main", "order", "bisect", "test_c.py::test_needs"],
        cwd=project.root,
        env=project.environment(**found()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hears_interrupts if os.name == "posix" else None,  # noqa: PLW1509 - no threads are here
    )
    assert process.stdout is not None
    lines = 0
    while lines < 2:
        assert process.stdout.readline()
        lines += 1
    return process


@pytest.mark.posix("sends signals")
@pytest.mark.parametrize("signum", [signal.SIGINT, getattr(signal, "SIGKILL", signal.SIGTERM)])
def test_what_was_interrupted_or_killed_goes_on_where_it_stopped(suite, signum):
    process = begun(suite)
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=60)
    if signum == signal.SIGINT:
        assert (process.returncode, stderr) == (130, "nexus: interrupted [NX158]\n")
    done = order(suite, "bisect", "test_c.py::test_needs")
    assert done.returncode == 0, done.stderr
    assert "probes of an earlier call can be used" in done.stdout
    assert state(suite) == []


def test_what_was_kept_is_used_only_while_it_is_valid(suite):
    nodeid = "test_c.py::test_needs"
    order(suite, "bisect", nodeid, "--runs", "2")
    done = order(suite, "bisect", nodeid, "--runs", "1", "--forget")
    assert "earlier call" not in done.stdout
    assert "probe 1: alone" in done.stdout
    suite.write({"test_b.py": PADDING.format(n=8)})
    done = order(suite, "bisect", nodeid, "--runs", "1")
    assert done.stderr.count("\n") == 1
    assert_message(done.stderr, "NX755")
    (kept,) = state(suite)
    for damage in ("{", '{"format": 1}', "[]", '{"format": 1, "stamp": "x", "probes": 7}', "\0"):
        kept.write_text(damage)
        done = order(suite, "bisect", nodeid, "--runs", "1")
        assert done.stderr.count("\n") == 1
        assert messages(done.stderr, "NX755", "NX756")
    text = json.loads(kept.read_text())
    text["rows"] = [["x", "exploded", "", 1.0]]
    kept.write_text(json.dumps(text))
    done = order(suite, "bisect", nodeid)
    assert "no ending of a probe: 'exploded'" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("test_c.py::test_need", "'test_c.py::test_need'; did you mean"),
        ("test_b.py::test_padding", "'test_b.py::test_padding' names 9 tests"),
        ("", "names 12 tests"),
    ],
)
def test_what_names_no_test_or_several_is_an_error(suite, typed, words):
    done = order(suite, "bisect", typed)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_test_that_does_not_run_alone_is_an_error(suite):
    suite.write({"test_c.py": "import pytest\n@pytest.mark.skip\ndef test_needs(): pass\n"})
    done = order(suite, "bisect", "test_c.py::test_needs")
    assert (done.returncode, state(suite)) == (1, [])
    assert_message(done.stderr, "NX753", "test_c.py::test_needs")
    suite.write({"conftest.py": BREAKS_DOWN})
    done = order(suite, "bisect", "test_c.py::test_needs")
    assert_message(done.stderr, "NX752", "test_c.py::test_needs")
    assert "OSError" in done.stderr


def test_a_session_that_dies_in_the_test_is_a_failure(suite):
    text = "import os, shop\ndef test_needs():\n    if shop.TABLE: os._exit(3)\n"
    suite.write({"test_c.py": text})
    done = order(suite, "bisect", "test_c.py::test_needs")
    assert "test_c.py::test_needs fails after test_a.py::test_sets" in done.stdout
    assert "it fails with the session ended inside the test: exit status 3" in done.stdout
    assert "it fails in the order of collection, too" in done.stdout


LATER = {
    "till.py": "def price(): return 1\n",
    "later/test_price.py": "import till\ndef test_true(): assert till.price() == 1\n",
    "later/test_until.py": "import till\ndef test_patches(): till.price = lambda: 2\n",
    "pytest.ini": "[pytest]\npythonpath = .\naddopts = -n 2\n",
    ".gitignore": ".nexus/\n.pytest_cache/\n__pycache__/\n*.probe\n",
}


def test_a_folder_with_settings_of_its_own_is_not_taken_for_the_root(tmp_path):
    files, *_ = SUITES["state of a module, across files"]
    below = {f"tests/{name}" if name.startswith("test_") else name: files[name] for name in files}
    ini = {"pytest.ini": "[pytest]\npythonpath = .\n", "tests/pytest.ini": "[pytest]\n"}
    project = Project(tmp_path / "project", below | ini)
    done = order(project, "bisect", "tests/test_c.py::test_needs")
    assert "tests/test_c.py::test_needs passes only after tests/test_a.py::test_sets" in done.stdout
    assert "1 test of 2 depends on the order" in order(project, "hunt", "--runs", "2").stdout


def test_what_others_leave_to_the_end_of_the_session_is_no_failure_of_the_test(suite):
    fixtures = """
        import pytest
        import shop

        @pytest.fixture(scope="session", autouse=True)
        def table():
            yield
            assert not shop.TABLE

        @pytest.fixture
        def own():
            yield
            assert not shop.TABLE
    """
    suite.write(
        {"conftest.py": fixtures, "test_c.py": "def test_x(): pass\ndef test_y(own): pass\n"}
    )
    assert "no order was found" in order(suite, "bisect", "test_c.py::test_x").stdout
    mine = order(suite, "bisect", "test_c.py::test_y").stdout
    assert "test_c.py::test_y fails after test_a.py::test_sets" in mine


def test_the_hunt_finds_what_depends_on_the_order_and_says_what_is_next(tmp_path):
    repository = init(tmp_path / "project")
    files = SUITES["state of a module, across files"][0] | {"test_b.py": PADDING.format(n=9)}
    project = Project(repository.root, files | LATER)
    repository.commit()
    done = order(project, "hunt", "--seed", "3", "--runs", "3")
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("round 1, order of collection: 0 of 13 failed, ")
    assert said[1].startswith("round 2, all tests reversed: 2 of 13 failed, ")
    brittle = "order-dependent: test_c.py::test_needs fails with all tests reversed"
    assert f"{brittle}, passes as collected" in said
    assert said[-1] == "2 tests of 13 depend on the order; 3 orders tried"
    assert "  next: nexus order bisect test_c.py::test_needs" in said
    assert [summary.n_tests for summary in project.runs()] == [13, 13, 13], "recorded"
    assert {summary.run.workers for summary in project.runs()} == {0}
    listed = {one["key"] for one in json.loads(order(project, "--all", "--json").stdout)}
    assert "test_c.py::test_needs" in listed


def test_a_hunt_that_finds_nothing_says_what_was_tried(suite):
    suite.write(
        {"test_b_flaky.py": "def test_sound(): pass\n", "test_c.py": "def test_y(): pass\n"}
    )
    done = order(suite, "hunt", "--budget", "2s", "--json", "--", "-k", "not sets")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["tests"], result["found"]) == (11, [])
    assert result["orders"][0] == "order of collection"
    done = order(suite, "hunt", "--runs", "2")
    assert done.stdout.endswith("\n0 tests of 12 depend on the order; 2 orders tried\n")


def test_a_hunt_calls_chance_a_flake(suite):
    suite.write({
        "test_c.py": "",
        "test_b_flaky.py": """
            import pathlib

            def test_second_time_fails():
                with pathlib.Path(__file__).with_name("runs").open("a+") as file:
                    file.write("x")
                    assert file.tell() != 2
        """,
    })  # fmt: skip
    done = order(suite, "hunt", "--runs", "2")
    assert done.returncode == 0, done.stderr
    assert "flaky: test_b_flaky.py::test_second_time_fails ended otherwise" in done.stdout


def test_many_suspects_are_decided_by_two_more_rounds(tmp_path):
    needs = """
        import pytest
        import shop

        @pytest.mark.parametrize("n", range(9))
        def test_needs(n):
            assert shop.TABLE
    """
    files = SUITES["state of a module, across files"][0] | {"test_c.py": needs}
    project = Project(tmp_path / "project", files | {"pytest.ini": "[pytest]\npythonpath = .\n"})
    done = order(project, "hunt", "--runs", "2")
    said = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in said[:4]] == [
        "round 1, order of collection",
        "round 2, all tests reversed",
        "round 2, all tests reversed again",
        "round 2, order of collection again",
    ]
    assert said[-1] == "9 tests of 10 depend on the order; 2 orders tried"
    assert sum(line.startswith("order-dependent: ") for line in said) == 9
    assert done.returncode == 1


def test_a_round_that_breaks_down_does_not_end_the_hunt(suite):
    suite.write({
        "test_a.py": "import shop\ndef test_sets(): shop.TABLE['a'] = 1\n",
        "test_c.py": "import os, shop\ndef test_dies():\n    if not shop.TABLE: os._exit(3)\n",
        "test_b_flaky.py": "def test_sound(): pass\n",
    })  # fmt: skip
    done = order(suite, "hunt", "--runs", "2")
    assert_message(done.stderr, "NX701", "round 2, all tests reversed", "exit status 3")
    assert "1 order tried" in done.stdout


def test_an_empty_suite_is_an_error(tmp_path):
    project = Project(tmp_path / "project", {"test_a.py": ""})
    done = order(project, "hunt")
    assert done.returncode == 1
    assert_message(done.stderr, "NX754")
