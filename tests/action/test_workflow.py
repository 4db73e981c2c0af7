"""The workflow that `nexus init` writes, run step by step as GitHub runs it."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.deployment.place import Place
from pytest_nexus.deployment.targets.kinds import target_of
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.node.kept_model import packed
from pytest_nexus.node.manifest import Entry, Manifest
from pytest_nexus.node.signature import Keys
from tests.action.toy import Toy
from tests.support import release_server, s3_server
from tests.support.dav_server import DavServer
from tests.support.github_server import GitHubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.posix("steps run in bash on Linux")

MAIN = "refs/heads/main"
BROKEN = {"shop/prices.py": "def with_tax(price):\n    return price * 0.25\n"}


@pytest.mark.slow
def test_workflow_of_init_runs_green_in_a_repository_with_tests(toy):
    said = toy.init()
    assert said.splitlines() == [
        ".github/workflows/tests.yml: written",
        "pytest.ini: written",
    ]
    run = toy.push()
    assert run.conclusion == "success", run.log
    assert list(run.jobs) == ["plan", "test (1, 1)", "report", "station"]
    assert "1 shard, 10 tests collected, each ran exactly once" in run.jobs["report"].log
    assert run.jobs["report"].summary.startswith("## ✅ 10 passed in ")
    with toy.history() as history:
        assert (history.count_runs(), history.count_tests()) == (1, 10)


@pytest.mark.slow
def test_workflow_of_init_runs_green_in_an_empty_repository(tmp_path):
    with GitHubServer() as server:
        toy = Toy(tmp_path, server, {})
        assert toy.init().splitlines() == [
            ".github/workflows/tests.yml: written",
            "pytest.ini: written",
            "tests/test_first.py: written",
        ]
        run = toy.push()
        assert run.conclusion == "success", run.log
        assert run.jobs["report"].summary.startswith("## ✅ 1 passed in ")
        (toy.origin.root / "tests" / "test_first.py").unlink()
        toy.commit({})
        empty = toy.push()
        assert empty.conclusion == "failure"
        assert empty.jobs["report"].summary.startswith("## ❌ No test ran in ")


@pytest.mark.slow
def test_merge_queue_knows_the_failures_of_the_branch_it_merges_into(toy):
    toy.init()
    toy.commit(BROKEN)
    toy.push()
    toy.commit({"docs.md": "x\n"}, "docs")
    run = toy.queue("docs")
    assert list(run.jobs) == ["plan", "test (1, 1)", "report"]
    assert run.jobs["report"].summary.startswith("## ❌ 1 known failure, 9 passed in ")
    assert "1 file changed since" in run.jobs["test (1, 1)"].log
    assert toy.comments == {}


@pytest.mark.slow
def test_station_keeps_the_dashboard_and_publishes_it_where_that_is_asked_for(toy):
    toy.init()
    first = toy.push()
    assert "pages" not in first.jobs
    assert "/artifacts/" in first.jobs["station"].summary
    assert "nothing to decide; nexus_autopilot is suggest" in first.jobs["station"].log
    assert not toy.github.site.exists()
    names = toy.github.artifacts.by_run[first.run_id]
    assert f"nexus-dashboard-{first.run_id}.tests" in names
    workflow = toy.origin.root / ".github" / "workflows" / "tests.yml"
    granted = workflow.read_text().replace(
        "pull-requests: write}", "pull-requests: write, pages: write, id-token: write}"
    )
    toy.commit({".github/workflows/tests.yml": f"{granted.rstrip()}\n    with: {{pages: true}}\n"})
    run = toy.push()
    assert run.conclusion == "success", run.log
    assert run.jobs["pages"].summary == (
        "[Dashboard of the test suite](https://octo.github.io/repo/)\n"
    )
    page = (toy.github.site / "index.html").read_text("utf-8")
    assert "test_prices.py" in page


SECRETS = {
    "MODEL_KEY": "a shared secret of the team",
    "DEPLOY_TOKEN": "the token of the CDN",
    "AWS_ACCESS_KEY_ID": s3_server.KEY,
    "AWS_SECRET_ACCESS_KEY": "s3cret of the bucket",
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy: Toy) -> Iterator[dict[str, str]]:
    """Give the addresses of a folder, a server that takes PUT, a bucket and a release."""
    pytest.importorskip("obstore")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRETS[name])
    monkeypatch.setenv("GITHUB_API_URL", toy.server.url)
    monkeypatch.setenv("GITHUB_TOKEN", release_server.TOKEN)
    toy.server.tokens[release_server.TOKEN] = {"contents": "write"}
    with (
        DavServer() as cdn,
        s3_server.S3Server() as bucket,
        release_server.ReleaseServer() as releases,
    ):
        toy.server.releases = releases
        releases.uploads = toy.server.url
        endpoint = bucket.environ["AWS_ENDPOINT_URL"]
        yield {
            "folder": str(tmp_path / "place"),
            "cdn": cdn.url,
            "bucket": f"s3://{s3_server.BUCKET}/eu?region=eu-west-1&endpoint={endpoint}",
            "release": "github://octo/repo/models",
        }
        *_, written = [headers for kind, _, headers in cdn.asked if kind == "PUT"]
        assert written["Authorization"] == f"Bearer {SECRETS['DEPLOY_TOKEN']}"


def place_of(region: str, address: str) -> Place:
    return Place(region, target_of(address), Keys(shared=SECRETS["MODEL_KEY"]))


def deploy_a_canary(region: str, address: str) -> None:
    """Deploy the shipped model, and itself in another layout as a canary of half of the runners."""
    data = packed(prior())
    entry = Entry("1" * 16, sha256(data).hexdigest(), len(data))
    made = Manifest(region, 1, entry, None, entry._replace(version="2" * 16), 50.0)
    place = place_of(region, address)
    place.put_model(entry, data)
    place.change(lambda _: made)


@pytest.mark.slow
def test_a_clean_region_runs_the_tests_a_training_may_wait_and_canaries_are_judged(toy, places):
    toy.init()
    for region, address in places.items():
        deploy_a_canary(region, address)
    targets = [f'{region} = "{address}"' for region, address in places.items()]
    toy.commit({"nexus.toml": "\n".join(["[deploy.targets]", *targets, ""])})
    toy.github.secrets |= SECRETS
    secrets = [f'{each.lower().replace("_", "-")}: "${{{{ secrets.{each} }}}}"' for each in SECRETS]
    runners = {
        "eu-west": {"runs-on": "west", "zone": "NL"},
        "eu-north": {"runs-on": "north", "zone": "SE"},
        "us-east": {"runs-on": "east", "zone": "IS"},
    }
    given = (
        "with: {green: true, zone: SE, judge: true, judge-runs: '0', allow: 'eu-*',"
        f" runner-map: '{json.dumps(runners)}'}}\n"
        f"    secrets: {{{', '.join(secrets)}}}"
    )
    granted = toy.workflow.replace("contents: read", "contents: write")
    run = toy.push(f"{granted.rstrip()}\n    {given}\n")
    assert run.conclusion == "success", run.log
    assert run.jobs["plan"].outputs["runs-on"] == "north"
    assert "not due: " in run.jobs["station"].log
    verdict = "canary 22222222 is promoted: 0 runs used it, and it is not proved worse"
    judged = run.jobs["judge"].summary.splitlines()
    assert [line.partition(" on ")[0] for line in judged] == [
        f"- {region}: {verdict}" for region in places
    ]
    for region, address in places.items():
        live = place_of(region, address).read().manifest
        assert (live.model.version, live.canary) == ("2" * 16, None)
    assert not [one for one in SECRETS.values() if one in run.log]


@pytest.mark.slow
def test_a_map_without_a_usable_region_leaves_the_tests_where_they_are(toy):
    toy.init()
    run = toy.push(f"{toy.workflow.rstrip()}\n    with: {{runner-map: 'nothing'}}\n")
    assert run.conclusion == "success", run.log
    assert not run.jobs["plan"].outputs["runs-on"]
    assert any("No region was chosen" in one for one in run.jobs["plan"].annotations)


@pytest.mark.slow
def test_pull_request_draws_and_publishes_nothing(toy):
    toy.init()
    toy.commit({"docs.md": "x\n"}, "docs")
    run = toy.request("docs")
    assert set(run.jobs) == {"plan", "test (1, 1)", "report"}
    assert not [one for one in toy.github.artifacts.by_run[run.run_id] if "dashboard" in one]


@pytest.mark.slow
def test_jobs_by_target_time_draw_from_a_shared_queue(toy):
    toy.init()
    many = "import pytest\n\n@pytest.mark.parametrize('n', range(600))\ndef test_item(n): pass\n"
    toy.commit({"tests/test_catalog.py": many}, "many")
    toy.github.secrets["QUEUE"] = f"sqlite:///{toy.base / 'queue.db'}"
    given = (
        'with: {target: 0.1s, max-shards: "2"}\n    secrets: {queue-url: "${{ secrets.QUEUE }}"}'
    )
    run = toy.request("many", text=f"{toy.workflow.rstrip()}\n    {given}\n")
    assert run.conclusion == "success", run.log
    assert list(run.jobs) == ["plan", "test (1, 2)", "test (2, 2)", "report"]
    assert "this job drew 602 tests" in run.jobs["test (1, 2)"].log  # the second comes later
    assert "this job drew 0 tests" in run.jobs["test (2, 2)"].log
    report = run.jobs["report"]
    assert "2 jobs, 602 tests collected, each has a result" in report.log
    assert report.summary.startswith("## ✅ 602 passed in ")
    assert (
        "| job | tests | busy | idle | batches | leases lost | too late | end |" in report.summary
    )


@pytest.mark.slow
def test_the_rest_of_other_shards_runs_after_a_failure_in_a_fork_too(toy):
    toy.init()
    toy.promise()
    toy.commit(BROKEN, "broken")
    text = f'{toy.workflow.rstrip()}\n    with: {{shards: "2", select: "confidence:90%"}}\n'
    run = toy.request("broken", is_fork=True, text=text)
    shards = ["test (1, 2)", "test (2, 2)"]
    assert list(run.jobs) == ["plan", *shards, "rest", "test-rest (2, 2)", "report"]
    results = [run.jobs[name].result for name in shards]
    assert results == ["failure", "success"], "the first runs its own part of the rest"
    own = re.search(r"so (\d+) tests left out before run too", run.jobs["test (1, 2)"].log)
    assert own is not None
    n_others = 9 - int(own[1])  # the shards are as even as the measured durations are
    assert run.jobs["rest"].outputs == {"shards": "[2]"}
    rest, report = run.jobs["test-rest (2, 2)"], run.jobs["report"]
    assert f"only the rest of the shard ran: {n_others} tests that confidence:90%" in rest.log
    assert "2 shards, 10 tests collected, each ran exactly once" in report.log
    assert report.summary.startswith("## ❌ 1 new failure, 9 passed in ")
    assert f"| 2/2 rest | {n_others} |" in report.summary
    assert "A test failed, so the tests that were left out ran too." in report.summary
    assert report.result == "failure"
