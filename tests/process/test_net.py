"""An exception in any function of nexus costs one line; every test runs and ends as without nexus.

The functions are found in the classes, the hooks in the plugin manager of real sessions, so that a
new one cannot be forgotten.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.injections import SUITE
from tests.support.messages import messages
from tests.support.project import REPOSITORY, Project
from tests.support.warm import worker_parents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each case is a forked process")

EXCEPTIONS = (
    "RuntimeError",
    "KeyError",
    "OSError",
    "MemoryError",
    "RecursionError",
    "sqlite3.Error",
)
MODES = {"plain": (), "workers": ("-n", "2")}
QUEUES = {"queue": MODES["plain"], "queue with workers": MODES["workers"]}
QUEUE = (
    "--nexus-queue=sqlite:///.nexus/queue.db",
    "--nexus-queue-run=1",
    "--nexus-queue-patience=2",
)
LOADED = ("-p", "nexus", "-p", "nexus_probe", "-p", "nexus_injecting", "-p", "xdist")
NEXUS = ("--nexus", "--nexus-reruns=1", "--nexus-rerun-delay=0", "--junitxml=junit.xml")
ALWAYS = ("-p", "no:cacheprovider", "--maxfail=50", "--deselect=test_class.py::test_last")
FLAKY = "test_class.py::test_flaky"
THE_SAME = (
    "pytest_nexus.run.reruns.session:",
    "pytest_nexus.journal.writer:",
    "pytest_nexus.session.timeline:Timeline",
    "pytest_nexus.record.open_attempt:",
)
"""What is called below the same hooks with workers as without; it is tried without alone."""

OF_QUEUES = ("pytest_nexus.run.shared_queue.", "pytest_nexus.history.shared_queue.")
"""What only the sessions of a queue call; nothing else is tried in them."""

NOT_IN_THE_NET = {
    "pytest_nexus.session.error_boundary:ErrorBoundary",  # the net itself
    # in a worker, where the controller waits for what they send
    "pytest_nexus.run.xdist.maxfail_worker:LimitedWorker",
    "pytest_nexus.run.xdist.placeholder:RepeatingWorker",
    "pytest_nexus.run.xdist.message_batches:Outbox",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a history of one run beside it."""
    root = tmp_path_factory.mktemp("net") / "project"
    made = Project(root, SUITE)
    made.run("-p", "no:cacheprovider")
    (root / ".nexus").rename(root.with_name("learned"))
    return made


def run(suite: Project, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run each case in a process of its own; returns their results."""
    asked, answered = suite.root.with_name("cases.json"), suite.root.with_name("results.json")
    environment = suite.environment()
    environment["PYTHONPATH"] += os.pathsep + str(REPOSITORY)
    workers = worker_parents(sys.executable, environment) if sys.platform == "linux" else []
    told = [one | {"workers": workers} for one in cases]
    asked.write_text(json.dumps(told), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "tests.support.injections", suite.root, asked, answered],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        timeout=1000,
    )
    found: list[dict[str, Any]] = json.loads(answered.read_text("utf-8"))
    return found


def case(mode: str, nexus: bool = True, **env: str) -> dict[str, Any]:
    of_nexus = (*NEXUS, *(QUEUE if mode in QUEUES else ())) if nexus else ()
    arguments = [*LOADED, *(MODES | QUEUES)[mode], *ALWAYS, *of_nexus]
    return {"arguments": arguments, "env": env}


def outcomes(result: dict[str, Any]) -> dict[str, Counter[tuple[str, ...]]]:
    """What was reported of each test in the end: no repeated attempt, and its set-up once."""
    found: dict[str, Counter[tuple[str, ...]]] = {}
    for report in result["reports"]:
        if "started" in report or report["outcome"] == "rerun":
            continue
        kind = (report["when"], report["outcome"], str(report["xfail"]), str(report["subtest"]))
        of_test = found.setdefault(report["nodeid"], Counter())
        is_once = report["outcome"] == "passed" and (kind[0] == "setup" or report["subtest"])
        if not is_once or not of_test[kind]:
            of_test[kind] += 1
    for of_test in found.values():  # pytest fails such a call when it shows it
        if of_test["call", "failed", "False", "True"]:
            of_test["call", "failed", "False", "False"] += of_test.pop(
                ("call", "passed", "False", "False"), 0
            )
    return {nodeid: +of_test for nodeid, of_test in found.items()}


def of_flaky(result: dict[str, Any]) -> str:
    reports = [one for one in result["reports"] if one.get("nodeid") == FLAKY]
    (call,) = [one for one in reports if one["when"] == "call" and one["outcome"] != "rerun"]
    return str(call["outcome"])


def complaints(bare: dict[str, Any], result: dict[str, Any]) -> list[str]:
    """What differs from the session without nexus."""
    wanted, found = outcomes(bare), outcomes(result)
    wanted.pop(FLAKY)
    found.pop(FLAKY, None)
    complaints = [] if result["status"] == bare["status"] else [f"status {result['status']}"]
    if found != wanted:
        complaints += [
            f"{nodeid}: {found.get(nodeid)}, not {wanted.get(nodeid)}"
            for nodeid in {*wanted, *found}
            if found.get(nodeid) != wanted.get(nodeid)
        ]
    try:
        of_flaky(result)
    except ValueError:
        complaints.append("the flaky test was not reported once")
    if "INTERNALERROR" in result["output"] or "Traceback" in result["output"]:
        complaints.append("a traceback")
    return complaints


def lines_of(result: dict[str, Any]) -> list[str]:
    return messages(result["output"], "NX222")


def listed(suite: Project, mode: str, folder: Path) -> tuple[Counter[str], set[str]]:
    """How often each function was called in one process at most, and which hooks there are."""
    folder.mkdir()
    run(suite, [case(mode, INJECT_LIST=str(folder))])
    calls: Counter[str] = Counter()
    hooks: set[str] = set()
    for path in folder.iterdir():
        one = json.loads(path.read_text("utf-8"))
        calls |= Counter(one["calls"])
        hooks |= set(one["hooks"])
    return calls, hooks


def injections(calls: Counter[str], *, both: bool) -> list[dict[str, str]]:
    """The first call of each function, and one in the middle; or one of them in turn."""
    kinds = cycle(EXCEPTIONS)
    found = []
    for place, (name, n_calls) in enumerate(sorted(calls.items())):
        numbers = {1, n_calls // 2 + 1} if both else {1 if place % 2 else n_calls // 2 + 1}
        found += [
            {"INJECT_AT": name, "INJECT_CALL": str(number), "INJECT_RAISE": next(kinds)}
            for number in sorted(numbers)
        ]
    return found


@pytest.fixture(scope="module")
def known(suite: Project) -> dict[str, tuple[Counter[str], set[str]]]:
    """What `listed` says of each mode."""
    modes = [*MODES, *QUEUES]
    return {mode: listed(suite, mode, suite.root.with_name(f"calls-{mode}")) for mode in modes}


def test_every_hook_of_a_session_is_among_the_functions(
    known: dict[str, tuple[Counter[str], set[str]]],
) -> None:
    hooks = {hook for _, found in known.values() for hook in found}
    called = {name for calls, _ in known.values() for name in calls}
    missing = {hook for hook in hooks - called if hook.rpartition(".")[0] not in NOT_IN_THE_NET}
    assert missing == NEVER_CALLED


PARTS = 4
"""Into which the cases of a mode are divided, so that workers of xdist share them."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", MODES)
def test_exception_in_any_function_leaves_every_outcome_as_without_nexus(
    suite: Project, known: dict[str, tuple[Counter[str], set[str]]], mode: str, part: int
) -> None:
    calls, _ = known[mode]
    if mode == "workers":
        calls = Counter({name: n for name, n in calls.items() if not name.startswith(THE_SAME)})
    asked = injections(calls, both=mode == "plain")[part::PARTS]
    no_outcome_changes(suite, mode, asked)
    n_hooks = len([name for name in calls if name.rpartition(".")[2].startswith("pytest_")])
    print(f"{mode}: {len(asked)} exceptions in {len(calls)} functions, {n_hooks} of them hooks")


@pytest.mark.parametrize("mode", QUEUES)
def test_exception_in_a_shared_queue_leaves_every_outcome_as_without_nexus(
    suite: Project, known: dict[str, tuple[Counter[str], set[str]]], mode: str
) -> None:
    calls, _ = known[mode]
    alone, _ = known["queue"]
    of_queues = Counter(
        {
            name: n
            for name, n in calls.items()
            if name.startswith(OF_QUEUES) and (mode == "queue" or name not in alone)
        }
    )
    assert of_queues
    no_outcome_changes(suite, mode, injections(of_queues, both=False))


def no_outcome_changes(suite: Project, mode: str, asked: list[dict[str, str]]) -> None:
    """Check that each exception costs one line, and nothing of what pytest reports."""
    bare, whole = run(suite, [case(mode, nexus=False), case(mode)])
    assert not complaints(bare, whole)
    assert of_flaky(whole) == "passed"
    assert not lines_of(whole)
    results = run(suite, [case(mode, **env) for env in asked])
    # how often a loop asks depends on time: the call in the middle may not come
    missed = [number for number, result in enumerate(results) if not result["hit"]]
    for number in missed:
        asked[number] |= {"INJECT_CALL": "1"}
    repeated = run(suite, [case(mode, **asked[number]) for number in missed])
    for number, result in zip(missed, repeated, strict=True):
        results[number] = result
    wrong = {
        " ".join(env.values()): found
        for env, result in zip(asked, results, strict=True)
        if (found := [*complaints(bare, result), *said_wrongly(env, result)])
    }
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())


def said_wrongly(env: dict[str, str], result: dict[str, Any]) -> list[str]:
    if not result["hit"]:
        return ["not raised"]
    lines = lines_of(result)
    if len(lines) != 1 or "NEXUS_DEBUG=1" not in lines[0]:
        return [f"lines {lines}"]
    return []


NEVER_CALLED = {
    "pytest_nexus.run.xdist.scheduler_factory:FailureLimit.pytest_collectreport",
    "pytest_nexus.run.xdist.worker_reruns:WorkerReruns.pytest_handlecrashitem",
}
"""Hooks that a run of the suite does not call; each has a test of its own."""


CRASHING = {
    "test_crash.py": """
        import os, pytest

        @pytest.mark.parametrize('n', range(30))
        def test_one(n):
            assert n != 7
            if n == 11:
                os._exit(1)
    """
}


@pytest.mark.parametrize(
    "name",
    [
        "pytest_nexus.run.xdist.worker_reruns:WorkerReruns.pytest_handlecrashitem",
        "pytest_nexus.run.xdist.scheduler:NexusScheduling.remove_node",
        "pytest_nexus.run.xdist.scheduler:NexusScheduling.crashed_index",
        "pytest_nexus.plan.dispatch.policy:Dispatch.lose",
        "pytest_nexus.run.reruns.gate:ReportGate.crash",
        "pytest_nexus.run.xdist.scheduler:NexusScheduling.mark_test_complete",
    ],
)
def test_crash_of_a_worker_is_one_failure_where_nexus_fails_as_well(
    project: Any, tmp_path: Path, name: str
) -> None:
    made = project(CRASHING)
    hit = tmp_path / "hit"
    result = made.run(
        *("-n", "2", "-p", "nexus_injecting", "--nexus-reruns=1", "--nexus-rerun-delay=0"),
        env={
            "INJECT_AT": name,
            "INJECT_CALL": "1",
            "INJECT_RAISE": "KeyError",
            "INJECT_HIT": str(hit),
        },
    )
    assert hit.exists()
    ends = Counter(one.nodeid for one in result.reports if one.outcome in ("passed", "failed"))
    bad = {one.nodeid.rpartition("::")[2] for one in result.reports if one.outcome == "failed"}
    assert bad == {"test_one[7]", "test_one[11]"}
    assert len(ends) == 30
    assert result.exit_status == 1
    assert "INTERNALERROR" not in result.stdout
    assert len(messages(result.said, "NX222")) == 1
    assert "2 failed, 28 passed" in result.stdout


def test_exception_is_raised_where_it_is_asked_for(project: Any, tmp_path: Path) -> None:
    made = project({"test_a.py": "def test_a(): pass"})
    env = {
        "INJECT_AT": "pytest_nexus.record.recorder:Recorder.pytest_runtest_logreport",
        "INJECT_CALL": "1",
        "INJECT_RAISE": "KeyError",
        "INJECT_HIT": str(tmp_path / "hit"),
    }
    assert made.run("-p", "nexus_injecting", env=env).exit_status == 0
    result = made.run("-p", "nexus_injecting", env={**env, "NEXUS_DEBUG": "1"})
    assert result.exit_status == 3
    assert "KeyError: 'injected'" in result.stdout


HOOKS = {
    "a report": """
        def pytest_runtest_logreport(report):
            if report.when == "call":
                raise ZeroDivisionError("of the user")
    """,
    "a test": """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            raise ZeroDivisionError("of the user")
    """,
    "the making of a report": """
        def pytest_runtest_makereport(item, call):
            raise ZeroDivisionError("of the user")
    """,
    "the end of a test": """
        def pytest_runtest_logfinish(nodeid, location):
            raise ZeroDivisionError("of the user")
    """,
    "what is deselected": """
        def pytest_deselected(items):
            raise ZeroDivisionError("of the user")
    """,
}


ENDS_OF_XDIST = {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}
"""Where a hook fails in its workers: xdist ends with OK where all have ended before it looks."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hook", HOOKS)
def test_exceptions_of_other_plugins_end_the_session_as_without_nexus(
    project: Any, mode: str, hook: str
) -> None:
    made = project(
        {
            "conftest.py": HOOKS[hook],
            "test_a.py": "def test_a(): pass\ndef test_b(): pass",
        }
    )
    more = ("--deselect=test_a.py::test_b",) if hook == "what is deselected" else ()
    bare = made.run(*MODES[mode], *more, nexus=False)
    result = made.run(*MODES[mode], *more, "--nexus-reruns=1")
    statuses = {bare.exit_status} if mode == "plain" else ENDS_OF_XDIST
    assert {bare.exit_status, result.exit_status} <= statuses
    assert "ZeroDivisionError: of the user" in result.stdout + result.stderr
    assert messages(result.stdout, "NX222", "NX251") == []


@pytest.mark.parametrize("how", ["pytest.exit('enough', returncode=9)", "raise KeyboardInterrupt"])
def test_ends_of_the_session_pass_the_net(project: Any, how: str) -> None:
    made = project({"test_a.py": f"import pytest\ndef test_a(): {how}\ndef test_b(): pass"})
    bare, result = made.run(nexus=False), made.run("--nexus-reruns=1")
    assert result.exit_status == bare.exit_status
    assert result.names == bare.names
    assert messages(result.stdout, "NX222", "NX251") == []


def test_nexus_that_cannot_be_set_up_costs_one_line(project: Any, tmp_path: Path) -> None:
    made = project({"test_a.py": "def test_a(): pass\ndef test_b(): assert 0"})
    env = {
        "INJECT_AT": "pytest_nexus.session.plan_listeners:PlanListeners.on_share",
        "INJECT_CALL": "1",
        "INJECT_RAISE": "OSError",
        "INJECT_HIT": str(tmp_path / "hit"),
    }
    result = made.run("-p", "nexus_injecting", "--nexus-reruns=1", env=env)
    assert (tmp_path / "hit").exists()
    assert result.exit_status == 1
    assert "1 failed, 1 passed" in result.stdout
    assert "this session runs without nexus" in result.stdout
