from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.ci.links import Links
from pytest_nexus.domain.records import PhaseResult
from pytest_nexus.history.queries.failing import FailingSince
from pytest_nexus.plan.verification.queue_journals import Draws, QueueJournal
from pytest_nexus.plan.verification.queue_reports import verify_queue
from pytest_nexus.plan.verification.verify import verify
from pytest_nexus.report.ci.results import chosen
from pytest_nexus.report.ci.summary import Known, longest_setup_s, summarise
from pytest_nexus.report.formats.annotations import workflow_commands
from pytest_nexus.report.formats.comment import comment_body
from pytest_nexus.report.formats.json_document import as_json
from pytest_nexus.report.formats.markdown import MAX_BYTES, markdown
from tests.support.builders import attempt, failure
from tests.support.sessions import session

UNKNOWN = Known()


def failing(nodeid: str, signature: str = "00112233445566aa", message: str = "assert #"):
    return attempt(nodeid, "failed", failure=failure(message, signature))


def at(nodeid: str) -> int | None:
    return 12


def known(nodeid: str, branch: str = "main", signature: str = "00112233445566aa") -> Known:
    since = FailingSince(nodeid, branch, signature, 86400.0, "d" * 40, 3)
    return Known(7, {(nodeid, branch): since}, branch="topic", base="main")


def report(*sessions, about: Known = UNKNOWN, proofs=()):
    return markdown(summarise(sessions, proofs, about), at)


def test_verdict_comes_first():
    assert report(session(attempt())).splitlines()[0] == "## ✅ 1 passed in 10 s"
    assert report(session(failing("a.py::x"))).splitlines()[0] == (
        "## ❌ 1 new failure, 0 passed in 10 s"
    )


def test_no_test_is_no_success():
    assert report(session()).startswith("## ❌ No test ran")


def test_new_failure_has_its_place_its_reason_its_signature_and_since():
    (row,) = [
        line for line in report(session(failing("a.py::x"))).splitlines() if "this run" in line
    ]
    assert "`a.py::x`" in row
    assert "`a.py:12`" in row
    assert "`AssertionError: assert #` in `src/a.py::run` <sub>" in row
    assert "<sub>00112233</sub>" in row


def test_failure_that_the_base_branch_has_too_is_known():
    text = report(session(failing("a.py::x")), about=known("a.py::x"))
    assert "New failures" not in text
    assert "1 failure known on <code>main</code> before this run" in text
    assert "`ddddddddd`, 1970-01-02, 3 runs" in text


@pytest.mark.parametrize(
    "about", [known("a.py::x", signature="ff" * 8), known("a.py::x", "topic"), known("b.py::x")]
)
def test_failure_that_the_base_branch_does_not_have_so_is_new(about):
    assert "1 new failure" in report(session(failing("a.py::x")), about=about)


def test_failure_that_began_earlier_on_this_branch_says_when():
    text = report(session(failing("a.py::x")), about=known("a.py::x", "topic"))
    assert "`ddddddddd`, 1970-01-02, 3 runs" in text


def test_places_and_commits_lead_to_their_pages():
    links = Links(
        "https://github.com/octo/repo", "https://github.com/octo/repo/actions/runs/7", "a/"
    )
    one = session(failing("b (1).py::x"), failing("c.py::y"))
    summary = summarise([one], (), known("c.py::y"), links)
    text = markdown(summary, at)
    page = f"https://github.com/octo/repo/blob/{'c' * 40}/a/b%20%281%29.py#L12"
    assert f"| [`b (1).py:12`]({page}) |" in text
    assert f"[`ddddddddd`](https://github.com/octo/repo/commit/{'d' * 40}), 1970" in text
    assert "blob" not in markdown(summary, lambda _: None)
    body = comment_body(summary, at)
    assert "[the whole report](https://github.com/octo/repo/actions/runs/7), commit ccccc" in body


def test_shards_are_told_apart_by_their_python_only_where_it_differs():
    first, second = session(attempt(), uid=1, job="one"), session(attempt(), uid=2, job="two")
    other = replace(first, run=first.run._replace(python="3.12.1"))
    assert "| one |" in report(first, second)
    assert "| one &#40;3.12.1&#41; |" in report(other, second)


def test_flaky_tests_are_apart_and_no_failures():
    healed = (failing("a.py::x"), attempt("a.py::x", number=2))
    quarantined = failing("b.py::y")
    text = report(session(*healed, quarantined, quarantined=("b.py::y",)))
    assert text.startswith("## ✅ 1 passed, 1 flaky, 1 quarantined")
    assert "### Flaky" in text
    assert "### New failures" not in text


def test_healed_test_is_a_gain_where_nothing_else_failed():
    healed = (failing("a.py::x"), attempt("a.py::x", number=2))
    said = "1 flaky test passed in a rerun, without which this run had failed."
    assert said in report(session(*healed))
    assert said not in report(session(*healed, failing("b.py::y")))
    assert said not in report(session(attempt()))


def test_first_failure_is_one_that_counts():
    healed = (failing("a.py::x"), attempt("a.py::x", number=2))
    late = failing("c.py::z")._replace(started_s=7.0)
    given = session(*healed, failing("b.py::y"), late, quarantined=("b.py::y",))
    summary = summarise([given], (), UNKNOWN)
    assert summary.first_failure_s == pytest.approx(7.0 + late.duration_s)
    assert summarise([session(*healed)], (), UNKNOWN).first_failure_s is None


def test_lost_tests_are_said_in_the_verdict():
    text = report(session(attempt()), proofs=[verify([])])
    assert text.startswith("## ❌ Tests may be lost, 1 passed")
    assert "no journal of a sharded run was given" in text


def test_balance_is_shown_as_bars():
    short = session(attempt("a.py::x"), uid=1, job="one", duration_s=5.0)
    text = report(short, session(attempt("b.py::x"), uid=2, job="two"))
    assert f"| one | 1 | 5.00 s | {'█' * 12} |" in text
    assert f"| two | 1 | 10 s | {'█' * 24} |" in text


def test_summary_of_many_hostile_failures_is_no_longer_than_github_takes():
    name = "a.py::test_[" + "<|`é" * 1000 + "]"
    many = [failing(f"{name}{n}", f"{n:016x}", "<|`" * 170) for n in range(3000)]
    text = report(session(*many))
    assert len(text.encode()) <= MAX_BYTES
    assert "and 2,950 more" in text
    small = markdown(summarise([session(*many)], (), Known()), at, 2000)
    assert len(small.encode()) <= 2000
    assert "would be too long" in small


def commands(*attempts, about: Known = UNKNOWN, proofs=()):
    return workflow_commands(summarise([session(*attempts)], proofs, about), at)


def test_at_most_ten_annotations_of_each_level_one_of_each_cause_first():
    same = [failing(f"a.py::same{n}") for n in range(20)]
    found = commands(*same, failing("b.py::other", "ff" * 8))
    assert len(found) == 10
    assert "title=a.py%3A%3Asame0" in found[0]
    assert "title=b.py%3A%3Aother" in found[1]
    assert found[0] == (
        "::error file=a.py,line=12,title=a.py%3A%3Asame0::AssertionError: assert # in src/a.py::run"
    )


def test_known_failures_are_warnings_and_healed_ones_get_none():
    healed = (failing("b.py::y"), attempt("b.py::y", number=2))
    (found,) = commands(failing("a.py::x"), *healed, about=known("a.py::x"))
    assert found.startswith("::warning file=a.py,")


def test_annotation_of_a_hostile_test_is_one_command():
    bad = failing("a.py::x,file=/etc\n::error::y")._replace(failure=failure("a\n::add-mask::b"))
    (found,) = commands(bad)
    assert "\n" not in found
    assert found.count("file=") == found.count("file=a.py") + found.count("file=/etc")
    assert "title=a.py%3A%3Ax%2Cfile=/etc %3A%3Aerror" in found


def test_annotation_does_not_say_twice_where_it_is():
    here = failure()._replace(where="a.py::x")
    (found,) = commands(attempt("a.py::x", "failed", failure=here))
    assert found.endswith("::AssertionError: assert # == #")


def test_lost_tests_are_the_first_annotation():
    assert commands(attempt(), proofs=[verify([])])[0].startswith("::error title=tests may be lost")


def test_the_set_up_that_a_failed_first_attempt_paid_is_among_the_slowest() -> None:
    first = attempt(outcome="failed", failure=failure())._replace(setup=PhaseResult("passed", 4.0))
    second = attempt(number=2)
    other = attempt("test_a.py::test_other")._replace(setup=PhaseResult("passed", 3.0))
    summary = summarise([session(first, second, other)], (), UNKNOWN)
    names = [one.nodeid for one in summary.slowest_setups()]
    assert names == ["test_a.py::test_x", "test_a.py::test_other"]
    assert [longest_setup_s(one) for one in summary.slowest_setups()] == [4.0, 3.0]


def job_of_queue(uid: int, name: str, *ran: str, ended: int | None = 0):
    """A session of a job that drew its tests from a queue without a CI."""
    one = session(*map(attempt, ran), uid=uid, ci_run=None)
    said = {"queued": ("a.py::x", "a.py::y", "a.py::z")}
    queue = QueueJournal(
        one.name, one.run._replace(exit_status=ended), "q", name, 0, "same", said,
        dict.fromkeys(ran, 1), busy_s=0.5, draws=Draws(2, 2, 0.25) if ended is None else None,
    )  # fmt: skip
    return replace(one, queue=queue)


def test_jobs_of_a_queue_are_one_run_and_each_says_what_it_did():
    given = [
        job_of_queue(1, "<b>|`1`", "a.py::x", ended=None),
        job_of_queue(2, "2", "a.py::x", "a.py::y", "a.py::z"),
    ]
    assert chosen(given) == given
    proof = verify_queue([one.queue for one in given])
    text = report(*given, proofs=[proof])
    assert text.startswith("## ✅ 3 passed")
    assert "2 jobs, 3 tests collected, each has a result." in text
    name = "&#60;b&#62;&#124;&#96;1&#96;"
    assert f"| {name} | 1 | 0.50 s | 0.25 s | 2 | 1 | 0 | killed |" in text
    assert "| 2 | 3 | 0.50 s | ? | ? | ? | 0 |  |" in text
    assert f"| {name} | 1 | 10 s |" in text, "all jobs of a queue count, not only the newest"
    jobs = as_json(summarise(given, [proof], UNKNOWN))["queue_jobs"]
    assert [(one["job"], one["n_leases_lost"]) for one in jobs] == [("<b>|`1`", 1), ("2", None)]


def test_tests_without_a_result_stand_one_a_line():
    given = job_of_queue(1, "1", "a.py::x")
    text = report(given, proofs=[verify_queue([given.queue])])
    assert text.startswith("## ❌ Tests may be lost, 1 passed")
    assert "- ⚠️ 2 tests ran in no job&#58;\n  - a.py&#58;&#58;y\n  - a.py&#58;&#58;z\n" in text
