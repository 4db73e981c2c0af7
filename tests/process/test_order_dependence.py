"""Order-dependent tests in real sessions: repaired at once, known after a few runs, then kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import pytest

from pytest_nexus.history.store import read_history
from tests.support.project import Project
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from tests.support.project import Result

pytestmark = pytest.mark.usefixtures("forked_sessions")

ON = {"NEXUS_ORDER_DEPENDENCE": None}
IGNORED = ".nexus/\n.pytest_cache/\n__pycache__/\nleft\n*.probe\n"
FILLER = """
    import pytest

    @pytest.mark.parametrize("n", range(30))
    def test_filler(n):
        pass
"""


class Planted(NamedTuple):
    """A suite with one test that depends on the order."""

    first: str
    """Of `tests/test_a.py`: a brittle test's setter is here, or the victim."""
    second: str
    """Of `tests/test_b.py`: the brittle test, or the victim's polluter."""
    test: str
    other: str
    fixtures: str = ""
    """Of the conftest file."""

    @property
    def files(self) -> dict[str, str]:
        return {
            "tests/test_a.py": self.first,
            "tests/test_b.py": self.second,
            "tests/test_c.py": FILLER,
            "shared.py": "value = None\nseen = []\n",
            "app.py": "",
            "conftest.py": self.fixtures,
            ".gitignore": IGNORED,
        }


SLOW = "    time.sleep(0.02)\n"
"""In the test that must run second: a loaded machine may measure the other one slow, and the order
is by failures per second."""


def brittle(set_up: str, needs: str, imports: str = "import shared") -> Planted:
    head = f"{imports}\nimport time\ndef test_0(): pass\n"
    first = f"{head}def test_sets():\n{SLOW}    {set_up}\ndef test_2(): pass\n"
    second = f"import app\n{imports}\ndef test_0(): pass\ndef test_needs():\n    {needs}\n"
    return Planted(first, second, "tests/test_b.py::test_needs", "tests/test_a.py::test_sets")


def victim(expects: str, pollutes: str, imports: str = "import shared") -> Planted:
    head = f"{imports}\nimport time\ndef test_0(): pass\n"
    first = f"{head}def test_hurt():\n{SLOW}    {expects}\ndef test_2(): pass\n"
    second = f"import app\n{imports}\ndef test_0(): pass\ndef test_harms():\n    {pollutes}\n"
    return Planted(first, second, "tests/test_a.py::test_hurt", "tests/test_b.py::test_harms")


CLASSES = "import shared\nclass TestIt:\n"
PLANTED = {
    "module state": brittle("shared.value = 1", "assert shared.value"),
    "environment": victim(
        "assert 'LEFT' not in os.environ", "os.environ['LEFT'] = '1'", "import os"
    ),
    "file": Planted(
        "def test_0(): pass\ndef test_hurt(folder): assert not (folder / 'left').exists()\n",
        "import app\ndef test_harms(folder): (folder / 'left').touch()\n",
        "tests/test_a.py::test_hurt",
        "tests/test_b.py::test_harms",
        "import pytest\n@pytest.fixture(scope='session')\n"
        "def folder(tmp_path_factory): return tmp_path_factory.mktemp('shared')\n",
    ),
    "database": Planted(
        "def test_0(): pass\n"
        "def test_hurt(rows): assert rows('SELECT count(*) FROM t') == [(0,)]\n",
        "import app\ndef test_harms(rows): rows('INSERT INTO t VALUES (1)')\n",
        "tests/test_a.py::test_hurt",
        "tests/test_b.py::test_harms",
        "import pytest, sqlite3\n@pytest.fixture(scope='session')\ndef rows():\n"
        "    c = sqlite3.connect(':memory:')\n    c.execute('CREATE TABLE t (x)')\n"
        "    yield lambda sql: c.execute(sql).fetchall()\n",
    ),
    "attribute of a class": victim(
        "assert not hasattr(Path, 'x')", "Path.x = 1", "from pathlib import Path"
    ),
    "patch that is left": victim(
        "assert os.getcwd()", "pytest.MonkeyPatch().setattr(os, 'getcwd', lambda: '')",
        "import os, pytest",
    ),
    "import": brittle(
        "import lazily_needed", "assert 'lazily_needed' in sys.modules", "import sys"
    ),
    "method of a class": Planted(
        CLASSES + "    def test_sets(self): shared.value = 1\n",
        "import app\n" + CLASSES + "    def test_needs(self): assert shared.value\n",
        "tests/test_b.py::TestIt::test_needs",
        "tests/test_a.py::TestIt::test_sets",
    ),
    "unittest": Planted(
        "import shared, unittest\nclass TestIt(unittest.TestCase):\n"
        "    def test_sets(self): shared.value = 1\n",
        "import app, shared, unittest\nclass TestIt(unittest.TestCase):\n"
        "    def test_needs(self): self.assertTrue(shared.value)\n",
        "tests/test_b.py::TestIt::test_needs",
        "tests/test_a.py::TestIt::test_sets",
    ),
    "two setters": Planted(
        "import shared\ndef test_0(): pass\ndef test_one(): shared.seen.append(1)\n"
        "def test_two(): shared.seen.append(2)\n",
        "import app, shared\ndef test_0(): pass\n"
        "def test_needs(): assert {1, 2} <= set(shared.seen)\n",
        "tests/test_b.py::test_needs",
        "tests/test_a.py::test_one",
    ),
    "fixture of a module": Planted(
        "import pytest, shared\n@pytest.fixture(scope='module')\ndef made():\n"
        "    shared.value = 1\n    yield\ndef test_sets(made): pass\ndef test_also(made): pass\n",
        "import app, pytest, shared\n@pytest.fixture(scope='module')\n"
        "def used():\n    yield shared.value\n"
        "def test_needs(used): assert used\ndef test_too(used): pass\n",
        "tests/test_b.py::test_needs",
        "tests/test_a.py::test_sets",
    ),
}  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return init(tmp_path / "project")


def project_of(repository: Repository, planted: Planted) -> Project:
    files = {**planted.files, "lazily_needed.py": ""}
    made = Project(repository.root, {**files, "pytest.ini": "[pytest]\npythonpath = .\n"})
    repository.commit()
    return made


def run(project: Project, *arguments: str) -> Result:
    return project.run("--nexus-reruns=adaptive", *arguments, env=ON)


def rule_of(project: Project, test: str) -> OrderRule | None:
    history = read_history(project.history_path)
    assert history is not None
    with history:
        return {str(key): rule for key, rule in history.order_rules.read().items()}.get(test)


def touch(project: Project, repository: Repository, number: int, path: str = "app.py") -> None:
    """Change a file; that of the application brings the second test file to the front."""
    text = (project.root / path).read_text("utf-8")
    project.write({path: f"{text}\n# {number}\n"})
    repository.commit()


@pytest.mark.parametrize("options", [(), ("-n3",)], ids=["plain", "workers"])
@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_no_build_is_red_by_our_order(
    repository: Repository, planted: Planted, options: tuple[str, ...]
) -> None:
    project = project_of(repository, planted)
    assert run(project).exit_status == 0
    for number in range(5):
        touch(project, repository, number)
        result = run(project, *options)
        assert result.exit_status == 0, result.stdout
        first = [one["nodeid"] for one in result.attempts if "number" not in one]
        assert len(set(first)) == len(first)


@pytest.mark.parametrize("kind", ["module state", "import", "method of a class", "unittest"])
def test_it_is_known_then_kept_in_order(repository: Repository, kind: str) -> None:
    planted = PLANTED[kind]
    project = project_of(repository, planted)
    run(project)
    rule = None
    for number in range(3):
        touch(project, repository, number)
        result = run(project)
        assert f"order-dependent: {planted.test} - " in result.stdout
        rule = rule_of(project, planted.test)
        if rule is not None and rule.is_certain:
            break
    assert rule is not None
    assert rule.is_certain
    assert planted.other in rule.others
    touch(project, repository, 9)
    result = run(project)
    assert result.exit_status == 0
    assert "order-dependent" not in result.stdout
    places = [result.order.index(one) for one in (planted.test, planted.other)]
    assert (places[0] > places[1]) == (rule.kind == "brittle")


def test_it_is_never_called_flaky(repository: Repository) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    run(project)
    for number in range(3):
        touch(project, repository, number)
        run(project)
    rule = rule_of(project, planted.test)
    assert rule is not None
    assert rule.is_certain
    shown = project.nexus("flaky", "--all", env=ON).stdout
    assert "0 flaky" in shown
    assert "1 order-dependent" in shown
    evidence = project.nexus("flaky", planted.test, env=ON).stdout
    assert "order-dependent: passes after tests/test_a.py::test_" in evidence
    project.nexus("quarantine", "update", "--owner", "me", env=ON)
    quarantine = project.root / "nexus-quarantine.toml"
    assert not quarantine.exists() or planted.test not in quarantine.read_text("utf-8")


def test_three_shards_keep_it_green(repository: Repository) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    run(project)
    for number in range(4):
        touch(project, repository, number)
        for shard in (1, 2, 3):
            result = run(project, f"--nexus-shard={shard}/3")
            assert result.exit_status == 0, result.stdout


def test_the_attempt_in_order_shows_what_it_is(repository: Repository) -> None:
    planted = PLANTED["environment"]
    project = project_of(repository, planted)
    run(project)
    touch(project, repository, 1)
    result = run(project, "-v")
    assert "ORDER-DEPENDENT" in result.stdout
    assert "1 order-dependent" in result.stdout
    (attempts,) = [[a for a in result.attempts if a["nodeid"] == planted.test]]
    assert [one.get("worker") for one in attempts] == [None, None, "fresh"]
    assert [one["call"][0] for one in attempts] == ["failed", "failed", "passed"]


@pytest.mark.parametrize(("value", "status"), [("repair", 0), ("fail", 7), ("off", 1)])
def test_the_option_decides(repository: Repository, value: str, status: int) -> None:
    planted = PLANTED["environment"]
    project = project_of(repository, planted)
    run(project)
    touch(project, repository, 1)
    assert run(project, f"--nexus-order-dependence={value}").exit_status == status


def test_what_fails_in_every_order_stays_a_failure(repository: Repository) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    run(project)
    text = planted.first.replace("shared.value = 1", "pass")
    project.write({"tests/test_a.py": text})
    repository.commit()
    touch(project, repository, 1)
    result = run(project)
    assert result.exit_status == 1
    assert "failed also in a fresh process, in the order of the collection" in result.stdout


@pytest.mark.parametrize("break_it", ["conftest", "slow"])
def test_where_no_process_can_help_the_failure_stands(
    repository: Repository, break_it: str
) -> None:
    harm = {
        "conftest": "import os\nif 'NEXUS_CONTEXT' in os.environ: raise SystemExit(3)\n",
        "slow": "import os, time\nif 'NEXUS_CONTEXT' in os.environ: time.sleep(600)\n",
    }
    project = project_of(repository, PLANTED["environment"]._replace(fixtures=harm[break_it]))
    run(project)
    touch(project, repository, 1)
    result = run(project, "--nexus-rerun-budget=2s")
    assert result.exit_status == 1
    assert "1 failed" in result.stdout


def test_files_of_the_session_are_not_written_over(repository: Repository) -> None:
    planted = PLANTED["environment"]
    project = project_of(repository, planted)
    run(project)
    touch(project, repository, 1)
    result = run(project, "--junitxml=report.xml", "-o", "junit_suite_name=ours")
    assert result.exit_status == 0
    text = (project.root / "report.xml").read_text("utf-8")
    assert 'tests="36"' in text or 'tests="35"' in text
    assert planted.test.rpartition("::")[2] in text


@pytest.mark.parametrize("options", [("-x",), ("--maxfail=2",)])
def test_a_limit_of_failures_needs_no_process(
    repository: Repository, options: tuple[str, ...]
) -> None:
    planted = PLANTED["environment"]
    project = project_of(repository, planted)
    run(project)
    touch(project, repository, 1)
    assert run(project, *options).exit_status == 1


def test_a_flaky_test_beside_it_stays_flaky(repository: Repository) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    project.write(
        {
            "tests/test_d.py": """
                import pathlib

                def test_flaky():
                    path = pathlib.Path(__file__).with_name("count.probe")
                    with path.open("a") as file:
                        file.write("x")
                    assert path.stat().st_size % 3
            """
        }
    )
    repository.commit()
    run(project)
    for number in range(6):
        touch(project, repository, number)
        run(project)
    known = rule_of(project, "tests/test_d.py::test_flaky")
    assert known is None or not known.is_certain
    assert rule_of(project, planted.test).is_certain  # type: ignore[union-attr] # it is there


BREAKS = """
import importlib, pathlib

def fail(*_, **__):
    raise RuntimeError("planted")

if pathlib.Path("left").exists():
    module, _, name = "{place}".partition(":")
    owner = importlib.import_module("pytest_nexus." + module)
    *inside, last = name.split(".")
    for each in inside:
        owner = getattr(owner, each)
    setattr(owner, last, fail)
"""
PLACES = {
    "run.fresh_process.process:Launch.run": "environment",
    "run.fresh_process.process:Launch._attempts": "module state",
    "run.fresh_process.process:Launch._report": "environment",
    "run.fresh_process.order_dependents:OrderDependents.decide": "environment",
    "run.fresh_process.order_dependents:OrderDependents.is_suspect": "module state",
    "run.fresh_process.order_dependents:OrderDependents.in_order": "environment",
    "run.fresh_process.order_dependents:OrderDependents.try_alone": "module state",
    "run.fresh_process.order_dependents:OrderDependents.reason": "module state",
    "run.fresh_process.order_dependents:OrderDependents._reach": "environment",
    "plan.make:in_force": "environment",
    "plan.make:bind": "module state",
    "history.state.order_rules:OrderRules.read": "environment",
    "history.state.order_rules:OrderRules.lasting": "environment",
    "history.state.trials:TrialReader.rule_of": "module state",
}
"""By function that fails: the suite in which it is called."""


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["plain", "workers"])
@pytest.mark.parametrize("place", PLACES)
def test_a_fault_of_nexus_costs_one_line(
    repository: Repository, place: str, options: tuple[str, ...]
) -> None:
    harm = BREAKS.replace("{place}", place)
    project = project_of(repository, PLANTED[PLACES[place]]._replace(fixtures=harm))
    run(project)
    touch(project, repository, 1)
    (project.root / "left").touch()
    result = run(project, *options, "--junitxml=junit.xml")
    assert result.exit_status in (0, 1), result.stdout
    cases = ElementTree.parse(project.root / "junit.xml").iter("testcase")  # noqa: S314 - our own
    names = [f"{case.get('classname')}.{case.get('name')}" for case in cases]
    assert len(names) == len(set(names)) == len({one["nodeid"] for one in result.attempts})
    assert result.stdout.count("planted") in ({1} if not options else {0, 1})


def test_a_failure_that_lasts_gets_no_second_process(repository: Repository) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    run(project)
    project.write({"tests/test_a.py": planted.first.replace("shared.value = 1", "pass")})
    repository.commit()
    touch(project, repository, 1)
    said = [run(project).stdout.count("failed also in a fresh process") for _ in range(3)]
    assert said == [1, 0, 0]


def test_a_folder_for_temporary_files_is_left_alone(repository: Repository) -> None:
    planted = PLANTED["environment"]
    keeps = "def test_keeps(tmp_path): (tmp_path / 'kept').touch()\n"
    project = project_of(repository, planted._replace(second=planted.second + keeps))
    run(project)
    touch(project, repository, 1)
    result = run(project, "--basetemp=temporary")
    assert "order-dependent" in result.stdout
    assert list((project.root / "temporary").rglob("kept"))


def test_a_plugin_that_shuffles_teaches_it(repository: Repository) -> None:
    """The order is that plugin's, and no process is started; the history learns all the same."""
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    said = ""
    for seed in range(10):
        result = project.run(
            "--nexus-reruns=1", f"--randomly-seed={seed}", companions=("randomly",), env=ON
        )
        said += result.stdout
    rule = rule_of(project, planted.test)
    assert "fresh process" not in said
    assert rule is not None
    assert planted.other in rule.others


@pytest.mark.parametrize("mode", ["load", "loadscope", "loadfile", "worksteal"])
def test_every_mode_of_distribution_keeps_the_order(repository: Repository, mode: str) -> None:
    planted = PLANTED["module state"]
    project = project_of(repository, planted)
    run(project)
    for number in range(4):
        touch(project, repository, number)
        result = run(project, "-n2", f"--dist={mode}")
        assert result.exit_status == 0, result.stdout
    rule = rule_of(project, planted.test)
    assert rule is None or not rule.is_certain or planted.other in rule.others


@pytest.mark.parametrize("option", ["--ff", "--nf"])
def test_options_that_order_too_keep_it_green(repository: Repository, option: str) -> None:
    planted = PLANTED["environment"]
    project = project_of(repository, planted)
    run(project)
    for number in range(4):
        touch(project, repository, number)
        assert run(project, option).exit_status == 0


def test_pytest_order_keeps_its_places(repository: Repository) -> None:
    planted = PLANTED["module state"]
    text = (
        "import pytest\n@pytest.mark.order(1)\ndef test_first(): pass\n"
        "@pytest.mark.parametrize('n', range(30))\ndef test_filler(n): pass\n"
    )
    project = project_of(repository, planted)
    project.write({"tests/test_c.py": text})
    repository.commit()
    options = ("--nexus-reruns=adaptive",)
    project.run(*options, companions=("pytest_order",), env=ON)
    for number in range(3):
        touch(project, repository, number)
        result = project.run(*options, companions=("pytest_order",), env=ON)
        assert result.exit_status == 0, result.stdout
        assert result.names[0] == "test_first"


@pytest.mark.posix("sends SIGINT")
def test_an_interrupt_while_a_process_runs_loses_no_test(repository: Repository) -> None:
    slow = "import os, time\nif 'NEXUS_CONTEXT' in os.environ: time.sleep(60)\n"
    interrupts = """
import os, signal, threading
import pytest_nexus.run.fresh_process.process as place

real = place.run_bounded

def interrupted(*given, **named):
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    return real(*given, **named)

place.run_bounded = interrupted
"""
    project = project_of(repository, PLANTED["environment"]._replace(fixtures=slow + interrupts))
    run(project)
    touch(project, repository, 1)
    result = run(project, "--junitxml=junit.xml")
    assert result.exit_status == 2
    cases = list(ElementTree.parse(project.root / "junit.xml").iter("testcase"))  # noqa: S314 - our own
    assert len(cases) == len({one["nodeid"] for one in result.attempts}) == 35


@pytest.mark.parametrize(
    "arguments",
    [("--", "tests"), ("tests", "-p", "no:cacheprovider"), ("-k", "not filler"), ("-s", "-vv")],
    ids=" ".join,
)
def test_the_process_is_started_as_the_session_was(
    repository: Repository, arguments: tuple[str, ...]
) -> None:
    project = project_of(repository, PLANTED["environment"])
    run(project)
    touch(project, repository, 1)
    result = run(project, "--nexus-order=risk", *arguments)
    assert result.exit_status == 0, result.stdout
    assert "1 order-dependent" in result.stdout
