from __future__ import annotations

import json

import pytest

from pytest_nexus.github.pull_request import comment
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.formats.comment import comment_body, marker
from tests.support.builders import attempt, failure
from tests.support.github_server import GitHubServer
from tests.support.sessions import session

GOOD = summarise([session(attempt())], (), Known())
BAD = summarise([session(attempt(outcome="failed", failure=failure()))], (), Known())


def nowhere(nodeid: str) -> None:
    return None


@pytest.fixture
def environ(server, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    return server.environ(GITHUB_EVENT_PATH=str(event))


def test_one_comment_is_written_and_then_renewed(server, environ):
    comment(BAD, nowhere, "", environ)
    comment(GOOD, nowhere, "", environ)
    (only,) = server.comments[5]
    assert only["body"].startswith(f"{marker('')}\n## ✅ 1 passed")


def test_good_run_writes_no_new_comment(server, environ):
    comment(GOOD, nowhere, "", environ)
    assert server.comments == {}


def test_suites_of_other_names_have_comments_of_their_own(server, environ):
    comment(BAD, nowhere, "one", environ)
    comment(BAD, nowhere, "two", environ)
    assert len(server.comments[5]) == 2


def test_comment_of_a_person_with_our_marker_is_left_alone(server, environ):
    theirs = {"id": 1, "user": {"type": "User"}, "body": f"{marker('')}\nmine"}
    server.comments[5] = [theirs]
    comment(BAD, nowhere, "", environ)
    assert server.comments[5][0]["body"].endswith("mine")
    assert len(server.comments[5]) == 2


def test_own_comment_is_found_behind_a_hundred_others(server, environ):
    server.comments[5] = [{"id": n, "user": {"type": "User"}, "body": "hi"} for n in range(1, 151)]
    comment(BAD, nowhere, "", environ)
    comment(GOOD, nowhere, "", environ)
    assert len(server.comments[5]) == 151


def test_token_that_may_not_write_is_silent(environ, tmp_path, capsys):
    with GitHubServer(may_write=False) as readonly:
        comment(BAD, nowhere, "", environ | {"GITHUB_API_URL": readonly.url})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("event", ["{}", "[]", '{"pull_request": {"number": "5/../6"}}', "x"])
def test_without_a_pull_request_nothing_is_asked(server, environ, tmp_path, event):
    (tmp_path / "event.json").write_text(event)
    comment(BAD, nowhere, "", environ)
    assert server.asked == []


def test_comment_is_as_short_as_github_asks():
    many = [attempt(f"a.py::{'|' * 290}{n}", "failed", failure=failure()) for n in range(500)]
    assert len(comment_body(summarise([session(*many)], (), Known()), nowhere)) <= 65_536


def test_marker_cannot_be_closed_by_a_name():
    assert marker("a --> b") == "<!-- pytest-nexus report: a - b -->"
