"""The action in a job of one's own, run step by step as GitHub runs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.action.pins import PINS
from tests.action.toy import CONFTEST, SUITE
from tests.action.traps import QUIET, sprung
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from tests.action.toy import Toy

pytestmark = [pytest.mark.slow, pytest.mark.posix("steps run in bash on Linux")]

BROKEN = {"shop/prices.py": "def with_tax(price):\n    return price * 0.25\n"}
HOW_TO = REPOSITORY / "docs" / "how-to" / "github-action.md"
CHECKOUT = PINS["actions/checkout"].reference
CALLER = """
name: tests
on: {{push: , pull_request: }}
permissions: {{contents: read, actions: read, pull-requests: write}}
jobs:
  test:
    runs-on: ubuntu-latest
    strategy: {{matrix: {{suite: [{suites}]}}}}
    outputs:
      failures: "${{{{ steps.nexus.outputs.new-failures }}}}"
    steps:
      - uses: {checkout}
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: ./
        id: nexus
        with: {{name: "${{{{ matrix.suite }}}}", history-key: "x-${{{{ matrix.suite }}}}"{more}}}
"""


def caller(*suites: str, more: str = "") -> str:
    return CALLER.format(checkout=CHECKOUT, suites=", ".join(suites or ("unit",)), more=more)


def test_one_job_tests_reports_and_learns(toy: Toy) -> None:
    first = toy.push(caller())
    assert first.conclusion == "success", first.log
    assert "no history yet" in first.log
    toy.commit({"shop/stock.py": ""})
    second = toy.push(caller())
    assert "nexus: order risk; 10 tests known from 1 run; 1 file changed" in second.log
    assert "nothing to decide; nexus_autopilot is suggest" in second.log
    with toy.history() as history:
        assert history.count_runs() == 2
    assert second.jobs["test (unit)"].summary.startswith("## ✅ 10 passed")


def test_pull_request_is_told_without_a_token_and_saves_nothing(toy: Toy) -> None:
    toy.push(caller())
    n_caches = len(toy.github.caches.entries)
    toy.commit(BROKEN, "cheaper")
    run = toy.request("cheaper", text=caller())
    job = run.jobs["test (unit)"]
    assert run.conclusion == "failure"
    assert job.outputs == {"failures": "1"}
    assert job.annotations[0].startswith("::error file=tests/test_prices.py,line=4,")
    assert job.summary.startswith("## ❌ 1 new failure, 9 passed")
    assert toy.comments == {}, "the code of the change ran in this job: it may have any token there"
    assert len(toy.github.caches.entries) == n_caches


def test_comment_beside_the_action_is_written_by_a_job_that_executes_no_trap(toy: Toy) -> None:
    section = HOW_TO.read_text("utf-8").partition("### A comment beside the action")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    text = "on: {push: , pull_request: }\n" + example.replace("pytest-nexus/pytest-nexus@v0", "./")
    toy.commit({"requirements.txt": ""})
    toy.push(text)
    toy.commit(BROKEN, "cheaper")
    run = toy.request("cheaper", text=text)
    assert list(run.jobs) == ["test", "comment"]
    assert toy.comments[1][0].startswith("<!-- pytest-nexus report: tests -->\n## ❌ 1 new failure")
    toy.commit(QUIET, "cheaper")
    run = toy.request("cheaper", text=text)
    traps = sprung(toy.github, run)
    assert {"pip-__main__.py", "owned"} <= set(traps["test"]), "a trap owns the later steps"
    assert traps["comment"] == []


def test_rest_of_the_other_shards_runs_in_jobs_of_the_action(toy: Toy) -> None:
    section = HOW_TO.read_text("utf-8").partition("### Shards of your own")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    text = "on: {push: , pull_request: }\n" + example.replace("pytest-nexus/pytest-nexus@v0", "./")
    toy.commit({"requirements.txt": ""})
    toy.promise(0.95)
    toy.commit(BROKEN, "broken")
    run = toy.request("broken", is_fork=True, text=text)
    jobs = ["plan", "test (1, 2)", "test (2, 2)", "rest", "test-rest (2, 2)"]
    assert list(run.jobs) == jobs, run.log
    assert "left out before run too" in run.jobs["test (1, 2)"].log
    assert "only the rest of the shard ran" in run.jobs["test-rest (2, 2)"].log


def test_token_is_gone_before_code_of_the_default_branch_runs(toy: Toy) -> None:
    toy.commit({
        "install.py": "import os\nassert 'GITHUB_TOKEN' not in os.environ\n",
        "conftest.py": CONFTEST["conftest.py"]
        + "import os\nassert 'GITHUB_TOKEN' not in os.environ\n",
    })  # fmt: skip
    run = toy.push(caller(more=", install: python install.py"))
    assert run.conclusion == "success", run.log
    assert "0 runs with 0 attempts added" in run.log


def test_jobs_of_a_matrix_keep_apart(toy: Toy) -> None:
    toy.commit(BROKEN, "cheaper")
    run = toy.request("cheaper", text=caller("py311", "py312"))
    names = list(toy.github.artifacts.by_run[run.run_id])
    assert [name.split(".")[1] for name in names] == ["py311", "py312"]


LOCKED = (
    ', lock: requirements.txt, environment: .environment, install: "echo INSTALLED;'
    ' mkdir -p .environment/bin; cp requirements.txt .environment"'
)


def test_environment_is_kept_as_long_as_the_lock_names_the_same(toy: Toy) -> None:
    """Without knowledge, every pin counts."""
    toy.commit({"requirements.txt": "pytest==9.0\nother==1.0\n"})
    first = toy.push(caller(more=LOCKED))
    assert first.conclusion == "success", first.log
    assert "no test has told what it uses" in first.log
    assert "INSTALLED\n" in first.log
    toy.commit({"requirements.txt": "other==1.0\npytest==9.0  # in another order\n"})
    second = toy.push(caller(more=LOCKED))
    assert second.conclusion == "success", second.log
    assert "INSTALLED\n" not in second.log
    toy.commit({"requirements.txt": "other==1.1\npytest==9.0\n"})
    assert "INSTALLED\n" in toy.push(caller(more=LOCKED)).log


@pytest.mark.skipif(sys.version_info < (3, 12), reason="dependencies are recorded from 3.12 on")
def test_environment_is_kept_until_something_that_the_tests_use_is_upgraded(toy: Toy) -> None:
    toy.commit({"pytest.ini": "[pytest]\nnexus_dependencies = true\n"})
    installed = []
    for pins in (
        ("pytest==9.0", "other==1.0"),  # learns what the tests use
        ("pytest==9.0", "other==1.0"),  # the first environment with the new key
        ("pytest==9.0", "other==1.1"),
        ("pytest==9.1", "other==1.1"),
    ):
        toy.commit({"requirements.txt": "\n".join(pins)})
        run = toy.push(caller(more=LOCKED))
        assert run.conclusion == "success", run.log
        installed.append("INSTALLED\n" in run.log)
    assert installed == [True, True, False, True]


def test_environment_without_a_readable_lock_is_not_kept(toy: Toy) -> None:
    run = toy.push(caller(more=LOCKED.replace("lock: requirements.txt", "lock: gone.txt")))
    assert "::warning title=nexus::The environment is not cached" in run.log
    assert run.conclusion == "failure", "the install needs the file"
    assert "environment" not in "".join(one.key for one in toy.github.caches.entries)


def test_arguments_are_no_commands(toy: Toy) -> None:
    run = toy.push(caller(more=', args: "-k nothing $(touch pwned) `touch pwned`; touch pwned"'))
    assert run.conclusion == "failure"
    assert not list(toy.base.rglob("pwned"))
    run = toy.push(caller(more=", args: \"-k 'nothing or item'\""))
    assert run.conclusion == "success"
    assert "9 passed" in run.jobs["test (unit)"].summary


def test_selection_applies_to_pull_requests_and_not_to_the_default_branch(toy: Toy) -> None:
    text = caller(more=", select: 'budget:0%'")
    assert toy.push(text).jobs["test (unit)"].summary.startswith("## ✅ 10 passed")
    toy.commit({"shop/stock.py": ""}, "stock")
    summary = toy.request("stock", text=text).jobs["test (unit)"].summary
    assert "tests left out by budget" in summary
    assert "10 passed" not in summary


def test_suite_below_the_top_has_its_files_there(toy: Toy) -> None:
    files = SUITE | BROKEN | CONFTEST | {"pytest.ini": "[pytest]\n"}
    toy.commit({f"api/{path}": text for path, text in files.items()})
    run = toy.push(caller(more=", working-directory: api"))
    (annotation,) = run.annotations
    assert annotation.startswith("::error file=api/tests/test_prices.py,line=4,")
    assert {one.path for one in toy.github.caches.entries} == {
        "api/.nexus/history.sqlite3",
        "api/.nexus/slim/history.sqlite3",
    }


def test_token_that_may_not_read_artifacts_learns_from_its_own_job(toy: Toy) -> None:
    run = toy.push(caller().replace("actions: read, ", ""))
    assert run.conclusion == "success", run.log
    assert "::warning title=nexus::Journals of other jobs were not pulled" in run.log
    with toy.history() as history:
        assert history.count_runs() == 1
