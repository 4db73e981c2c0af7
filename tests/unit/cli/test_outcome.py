"""`nexus outcome`, with a repository, a history and a local GitHub."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.cli.past_changes import changes_in_git
from pytest_nexus.domain.records import Change
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.queries.selection import selection_state
from pytest_nexus.history.store import open_history
from pytest_nexus.launch.culprit_runs.past_commits import git_in
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, run
from tests.support.github_server import GitHubServer, Reply
from tests.support.messages import assert_message
from tests.support.repository import Repository, init
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process
HISTORY = ".nexus/history.sqlite3"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = init(tmp_path / "project")
    repository.write("pytest.ini", "[pytest]\n")
    monkeypatch.chdir(repository.root)
    return repository


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["outcome", *arguments]) == 0
    return capsys.readouterr().out


def test_outcomes_are_recorded_listed_and_counted(repo, capsys) -> None:
    first = repo.commit(shop_py="x = 1\n")
    second = repo.commit(shop_py="x = 2\n")
    at = "2026-01-0{}T00:00:00+00:00"
    for commit, status, day in [(first, "deployed", 1), ("HEAD", "deployed", 2),
                                (second, "rolled-back", 3), (first, "deployed", 4)]:  # fmt: skip
        said(capsys, "record", "--commit", commit, "--status", status, "--at", at.format(day))
    again = said(capsys, "record", "--commit", first, "--status", "deployed", "--at", at.format(1))
    assert "was known already" in again
    rows = json.loads(said(capsys, "list", "--json"))
    assert [(row["commit"], row["status"]) for row in rows] == [
        (first[:12], "deployed"), (second[:12], "deployed"), (second[:12], "rolled-back"),
        (first[:12], "deployed"),
    ]  # fmt: skip
    keys = json.loads(said(capsys, "report", "--json"))["environments"]["production"]
    assert (keys["deployments"], keys["failures"]) == (3, 1)
    assert keys["change_failure_rate"] == pytest.approx(1 / 3)
    assert keys["time_to_restore_s"] == 86400
    assert "change failure rate: 33.3 %" in said(capsys, "report")


def test_a_reverted_commit_names_the_tests_that_did_not_run(repo, capsys) -> None:
    bad = repo.commit(shop_py="x = 1\n")
    repo.git("commit", "--allow-empty", "-qm", f"Revert\n\nThis reverts commit {bad}.")
    with open_history(repo.root / HISTORY) as history:
        made = run(1, 1e9)._replace(change=Change(commit=bad))
        ingest_run(history, made, [attempt("test_a.py::test_x")])
    text = said(capsys, "escaped")
    assert f"{bad[:12]} reverted by" in text
    assert "2 changed files; no test is known to use them" in text
    assert text.endswith("1 commit escaped the tests\n")
    (found,) = json.loads(said(capsys, "escaped", "--json"))
    assert found["files"] == ["pytest.ini", "shop.py"]
    assert found["left_out"] == []


def test_the_changes_in_git_are_judged_by_reverts_and_outcomes(repo) -> None:
    commits = [repo.commit(**{f"a{at}_py": "x = 1\nx = 2\n"}) for at in range(3)]
    repo.git("commit", "--allow-empty", "-qm", f"Revert\n\nThis reverts commit {commits[0]}.")
    git = git_in(repo.root, os.environ)
    with open_history(repo.root / HISTORY) as history:
        history.deployments.add([DeploymentOutcome(commits[2], "failed", "eu", 1e9, "recorded")])
        found = changes_in_git(history, git, "HEAD")
        assert changes_in_git(history, git, commits[1])[0].why == "", "no revert before it"
        assert changes_in_git(history, git, "gone") == []
    assert [each.commit for each in found] == commits
    assert [bool(each.why) for each in found] == [True, False, True]
    assert found[1].paths == ("a1.py",)
    assert found[1].lines == 2


USES = {"test_a.py::test_x": ["shop.py=1", "src/b.py=1"], "test_a.py::test_y": ["shop.py=1"]}
LEFT = RunSelection("on", "confidence:99%", 0.99, 3.5, 1, 1.5)


def test_learning_counts_what_escaped_as_a_miss_and_guards_its_files(repo, capsys) -> None:
    repo.commit()
    bad = repo.commit(shop_py="x = 1\n")
    repo.git("commit", "--allow-empty", "-qm", f"Revert\n\nThis reverts commit {bad}.")
    with open_history(repo.root / HISTORY) as history:
        whole = [attempt("test_a.py::test_x"), attempt("test_a.py::test_y")]
        ingest_run(history, run(1, 1e9), whole, uses=session_uses(USES))
        ingest_run(history, run(2, 2e9, commit=bad), whole[:1], selection=LEFT)
        fork = run(3, 2e9, commit=bad)._replace(trust="fork", head="f" * 40)
        ingest_run(history, fork, whole)
    found = json.loads(said(capsys, "learn", "--json"))
    assert found == {"checks": 1, "missed": 1, "guarded": ["shop.py"]}
    assert "1 commit of 1 that broke something escaped" in said(capsys, "learn")
    with open_history(repo.root / HISTORY) as history:
        (outcome,) = history.deployments.read()
        assert (outcome.commit, outcome.status, outcome.source) == (bad, "rolled-back", "git")
        state = selection_state(history)
        assert (state.mode, state.alarm.runs) == ("shadow", (f"{2:032x}",))
    assert json.loads(said(capsys, "report", "--json"))["environments"] == {}
    (row,) = json.loads(said(capsys, "list", "--json"))
    assert row["status"] == "revert"


def test_nothing_that_a_fork_sends_is_an_outcome(repo, capsys, tmp_path) -> None:
    """Neither lines of a journal, nor messages of its commits, nor runs at a commit."""
    good = repo.commit(shop_py="x = 1\n")
    repo.git("checkout", "-qb", "fork")
    message = f"Revert\n\nThis reverts commit {good}."
    repo.git("commit", "--allow-empty", "-qm", message)
    repo.git("checkout", "-q", "main")
    repo.commit(shop_py="x = 2\n", README=message)
    evil = {"commit": good, "status": "rolled-back", "environment": "production", "at": 5.0}
    lines = [
        {"kind": "run", "schema": 1, "run_uid": "e" * 32, "started_at": 5.0, "commit": good,
         "message": message, "deployments": [evil], "outcomes": [evil]},
        {"kind": "outcome", **evil}, {"kind": "deployment", **evil},
    ]  # fmt: skip
    sent = tmp_path / "journals" / "evil.jsonl"
    sent.parent.mkdir()
    sent.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["history", "import", str(sent.parent)]) == 0
    with open_history(repo.root / HISTORY) as history:
        fork = run(3, 2e9, commit=good)._replace(trust="fork", head="f" * 40, exit_status=1)
        ingest_run(history, fork, [attempt("test_a.py::test_x", "failed")])
    capsys.readouterr()
    found = json.loads(said(capsys, "learn", "--json"))
    assert found == {"checks": 0, "missed": 0, "guarded": []}
    assert json.loads(said(capsys, "list", "--json")) == []
    assert json.loads(said(capsys, "escaped", "--json")) == []


def test_two_jobs_that_learn_at_once_keep_each_outcome_once(repo) -> None:
    bad = repo.commit(shop_py="x = 1\n")
    found = [DeploymentOutcome(bad, "failed", "eu", float(at), "recorded") for at in range(20)]
    with open_history(repo.root / HISTORY):
        pass

    def add(_: int) -> int:
        with open_history(repo.root / HISTORY) as history:
            return sum(history.deployments.add([each]) for each in found)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == len(found)


def test_the_outcomes_of_another_folder_are_learned_there(repo, capsys, tmp_path, monkeypatch):
    bad = repo.commit(shop_py="x = 1\n")
    repo.git("commit", "--allow-empty", "-qm", f"Revert\n\nThis reverts commit {bad}.")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = json.loads(
        said(capsys, "learn", "--json", "--source", str(repo.root), "--history", "h.sqlite3")
    )
    assert found["guarded"] == ["pytest.ini", "shop.py"]


def test_merging_and_pruning_keep_and_forget_outcomes(repo, capsys) -> None:
    commit = repo.commit(shop_py="x = 1\n")
    said(capsys, "record", "--commit", commit, "--status", "failed",
         "--at", "2001-01-01T00:00:00", "--history", "other.sqlite3")  # fmt: skip
    with open_history(repo.root / HISTORY) as history:
        history.merge(repo.root / "other.sqlite3")
        assert [each.commit for each in history.deployments.read()] == [commit]
        history.export(repo.root / "slim.sqlite3", slim=True)
        history.export(repo.root / "whole.sqlite3")
        history.prune(before=1.5e9)
        assert history.deployments.read() == []
    with open_history(repo.root / "whole.sqlite3") as copy:
        assert len(copy.deployments.read()) == 1


def test_an_unknown_commit_is_refused(repo, capsys) -> None:
    repo.commit()
    assert main(["outcome", "record", "--commit", "gone", "--status", "failed"]) == 1
    assert_message(capsys.readouterr().err, "NX651", "'gone'")


DEPLOYMENTS = [
    {"id": 7, "sha": "a" * 40, "environment": "eu"},
    {"id": 8, "sha": "$(rm -rf /)", "environment": "eu"},
]
STATUSES = [
    {"state": "failure", "created_at": "2026-01-02T00:00:00Z"},
    {"state": "success", "created_at": "2026-01-01T00:00:00Z"},
    {"state": "inactive", "created_at": "2026-01-03T00:00:00Z"},
    {"state": "success", "created_at": "yesterday"},
]


@pytest.mark.parametrize("at", ["2999-01-01", "soon"])
def test_a_time_in_the_future_would_guard_files_for_years(at: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["outcome", "record", "--commit", "HEAD", "--status", "failed", "--at", at])
    assert "--at: must" in capsys.readouterr().err


def test_a_whole_id_is_recorded_without_a_repository(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["outcome", "record", "--commit", "HEAD", "--status", "failed"]) == 1
    assert_message(capsys.readouterr().err, "NX661", "give all 40 digits")
    assert "failed in production: aaaaaaaaaaaa" in said(
        capsys, "record", "--commit", "a" * 40, "--status", "failed"
    )
    assert json.loads(said(capsys, "list", "--json"))[0]["commit"] == "a" * 12


def test_a_shallow_clone_says_that_reverts_may_be_missing(repo, capsys, monkeypatch) -> None:
    for at in range(3):
        repo.commit(shop_py=f"x = {at}\n")
    clone = repo.root.parent / "clone"
    repo.git("clone", "-q", "--depth=2", repo.root.as_uri(), str(clone))
    monkeypatch.chdir(clone)
    assert main(["outcome", "learn"]) == 0
    printed = capsys.readouterr()
    assert_message(printed.err, "NX660", "2 commits")
    assert printed.out.splitlines()[1] == "no change was taken back of late, so no file is guarded"
    assert main(["outcome", "record", "--commit", "HEAD~2", "--status", "failed"]) == 1
    assert_message(capsys.readouterr().err, "NX651", "`git fetch --unshallow`")


def test_deployments_come_from_github(repo, capsys, monkeypatch) -> None:
    with GitHubServer() as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        server.reply(r"/statuses", Reply(200, body=json.dumps(STATUSES).encode()), times=2)
        server.reply(r"/deployments", Reply(200, body=json.dumps(DEPLOYMENTS).encode()))
        found = json.loads(said(capsys, "pull", "--json"))
    assert found == {"read": 2, "new": 2}
    rows = json.loads(said(capsys, "list", "--json"))
    assert [(row["status"], row["where"], row["source"]) for row in rows] == [
        ("deployed", "eu", "github"), ("failed", "eu", "github"),
    ]  # fmt: skip


REPO = "https://api.github.com/repos/octo/repo/commits/"
LABELS = [{"id": 1, "name": "Hotfix"}, {"id": 2, "name": "bug"}]
ISSUES = [
    {"number": 1, "state": "closed", "labels": LABELS, "pull_request": {"url": "x"}},
    {"number": 2, "state": "closed", "labels": LABELS, "pull_request": {"url": "x"}},
    {"number": 3, "state": "closed", "labels": ["hotfix"]},
    {"number": 4, "state": "closed", "labels": LABELS},
    {"number": 5, "state": "closed", "labels": [{"name": "bug"}, 7, None]},
    {"number": 6, "state": "open", "labels": LABELS},
    {"number": "7/../../other", "state": "closed", "labels": LABELS},
    {"number": 8, "state": "closed", "labels": LABELS},
    {"number": 9, "state": "closed", "labels": "hotfix"},
    "no issue",
]
MERGED = {"merged": True, "merged_at": "2026-01-02T00:00:00Z", "merge_commit_sha": "1" * 40}
ANSWERS = {
    r"pulls/1\b": MERGED,
    r"pulls/2\b": MERGED | {"merged": False, "merge_commit_sha": "2" * 40},
    r"issues/3/events": [
        {"event": "closed", "created_at": "2026-01-01T00:00:00Z",
         "commit_id": "9" * 40, "commit_url": REPO + "9" * 40},
        {"event": "reopened", "created_at": "2026-01-01T01:00:00Z"},
        {"event": "closed", "created_at": "2026-01-03T00:00:00Z",
         "commit_id": "3" * 40, "commit_url": REPO + "3" * 40},
        {"event": "referenced", "created_at": "2026-01-04T00:00:00Z",
         "commit_id": "8" * 40, "commit_url": REPO + "8" * 40},
    ],
    r"issues/4/events": [
        {"event": "closed", "created_at": "2026-01-03T00:00:00Z", "commit_id": "4" * 40,
         "commit_url": "https://api.github.com/repos/evil/repo/commits/" + "4" * 40},
    ],
    r"issues/8/events": [
        {"event": "closed", "created_at": "2026-01-03T00:00:00Z", "commit_id": None,
         "commit_url": None},
        "no event",
    ],
}  # fmt: skip


@pytest.fixture
def labelled(monkeypatch):
    with GitHubServer() as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        server.reply(r"/deployments", Reply(200, body=b"[]"), times=9)
        for pattern, answer in ANSWERS.items():
            server.reply(pattern, Reply(200, body=json.dumps(answer).encode()), times=9)
        server.reply(r"/issues\?", Reply(200, body=json.dumps(ISSUES).encode()), times=9)
        yield server


def test_labels_of_hotfixes_count_by_the_commit_that_was_merged_or_closed(
    repo, capsys, labelled
) -> None:
    asked = ("pull", "--hotfix-label=hotfix", "--environment=eu")
    assert json.loads(said(capsys, *asked, "--json")) == {"read": 2, "new": 2}
    assert "0 new outcomes of 2 outcomes on GitHub" in said(capsys, *asked)
    rows = json.loads(said(capsys, "list", "--json"))
    assert [(row["commit"], row["at"][:10], row["status"], row["where"], row["source"])
            for row in rows] == [
        ("1" * 12, "2026-01-02", "hotfix", "eu", "github"),
        ("3" * 12, "2026-01-03", "hotfix", "eu", "github"),
    ]  # fmt: skip
    assert labelled.count(r"issues\?labels=hotfix&state=closed&sort=updated&per_page=100") == 2
    assert labelled.count(r"other|pulls/[^12]|issues/[569]/events") == 0


def test_without_a_label_no_issue_is_asked_for(repo, capsys, labelled) -> None:
    assert json.loads(said(capsys, "pull", "--json")) == {"read": 0, "new": 0}
    assert labelled.count("issues|pulls") == 0


@pytest.mark.parametrize("answer", [b"{}", b"[" * 100_000, b"null", b'["closed", 3]'])
def test_other_answers_are_errors_or_left_out(repo, capsys, labelled, answer) -> None:
    labelled.replies.insert(0, (r"/pulls/1\b", Reply(200, body=answer)))
    labelled.replies.insert(0, (r"/issues/3/events", Reply(200, body=answer)))
    status = main(["outcome", "pull", "--hotfix-label=hotfix"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert status == 1 or shown.out == "0 new outcomes of 0 outcomes on GitHub\n"


def test_a_limit_at_the_labels_keeps_the_deployments(repo, capsys, labelled) -> None:
    far = {"Retry-After": "90000"}
    labelled.replies.insert(0, (r"/issues\?", Reply(429, far)))
    for pattern, answer in ((r"/deployments\?", DEPLOYMENTS[:1]), (r"/statuses", STATUSES)):
        labelled.replies.insert(0, (pattern, Reply(200, body=json.dumps(answer).encode())))
    assert main(["outcome", "pull", "--hotfix-label=hotfix"]) == 1
    assert_message(capsys.readouterr().err, "NX801", "rate limit")
    assert len(json.loads(said(capsys, "list", "--json"))) == 2


@pytest.mark.parametrize("label", ["", "a,b", " "])
def test_a_label_must_be_one(repo, capsys, label) -> None:
    with pytest.raises(SystemExit):
        main(["outcome", "pull", f"--hotfix-label={label}"])
    assert "name of one label" in capsys.readouterr().err
