from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from pytest_nexus.deployment.targets import http_put
from pytest_nexus.deployment.targets.folder import FolderTarget
from pytest_nexus.deployment.targets.http_put import HttpTarget
from pytest_nexus.deployment.targets.kinds import target_of
from pytest_nexus.errors import DeploymentError
from tests.support.dav_server import DavServer
from tests.support.s3_server import BUCKET, S3Server


@pytest.fixture(params=["folder", "conditional", "unconditional", "s3", "s3 unconditional"])
def target(request, tmp_path, monkeypatch):
    if request.param.startswith("s3"):
        pytest.importorskip("obstore")
        with S3Server(conditions=request.param == "s3") as server:
            for name, value in server.environ.items():
                monkeypatch.setenv(name, value)
            yield target_of(f"s3://{BUCKET}/team/eu")
        return
    if request.param == "folder":
        yield FolderTarget(str(tmp_path / "place"))
        return
    with DavServer(conditions=request.param == "conditional") as server:
        yield HttpTarget(server.url)


def test_nothing_is_there_at_first(target):
    assert target.read("manifest.json", 100) is None


def test_what_is_written_is_read(target):
    target.write("model-1.json.gz", b"model")
    assert target.read("model-1.json.gz", 5) == b"model"


def test_a_file_that_is_too_large_is_refused(target):
    target.write("manifest.json", b"123456")
    with pytest.raises(DeploymentError, match="NX942"):
        target.read("manifest.json", 5)


def test_a_file_is_replaced_only_if_it_is_as_it_was(target):
    target.replace("manifest.json", b"one", None)
    target.replace("manifest.json", b"two", b"one")
    for before in (None, b"one", b"2"):
        with pytest.raises(DeploymentError, match="NX943"):
            target.replace("manifest.json", b"three", before)
    assert target.read("manifest.json", 10) == b"two"


def test_of_many_pushes_at_once_one_wins(target, request):
    if "unconditional" in request.node.name:
        pytest.skip("without conditions the last one wins, and the others see it")
    target.replace("manifest.json", b"old", None)
    results: list[bytes | str] = []

    def push(data: bytes) -> None:
        own = target_of(target.place)
        own.read("manifest.json", 10)
        try:
            own.replace("manifest.json", data, b"old")
            results.append(data)
        except DeploymentError as exc:
            results.append(exc.code)

    threads = [threading.Thread(target=push, args=(f"new{n}".encode(),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    winners = [each for each in results if isinstance(each, bytes)]
    assert len(results) == 6
    assert len(winners) == 1
    assert target.read("manifest.json", 10) == winners[0]
    assert set(results) == {winners[0], "NX943"}


def test_a_push_between_reading_and_writing_is_seen():
    with DavServer(conditions=False) as server:
        target = HttpTarget(server.url)

        def other(path: str) -> None:
            server.before_put = None
            server.files[path] = b"other"

        target.replace("manifest.json", b"old", None)
        server.before_put = other
        target.replace("manifest.json", b"mine", b"old")
        assert target.read("manifest.json", 10) == b"mine"


def test_a_repeated_put_whose_first_answer_was_lost_is_no_conflict():
    with DavServer() as server:
        target = HttpTarget(server.url)
        target.replace("manifest.json", b"old", None)
        target.read("manifest.json", 10)

        def arrived(path: str) -> None:
            server.before_put = None
            server.files[path] = b"mine"

        server.before_put = arrived
        target.replace("manifest.json", b"mine", b"old")
        assert target.read("manifest.json", 10) == b"mine"


@pytest.mark.parametrize("faults", [[503], [0], [429, 502]])
def test_a_fault_that_passes_is_tried_again(faults):
    with DavServer() as server:
        server.faults = faults
        HttpTarget(server.url).write("model-1.json.gz", b"model")
        assert server.files == {"model-1.json.gz": b"model"}


@pytest.mark.parametrize(
    ("faults", "code"),
    [([503] * 3, "NX945"), ([403], "NX944"), ([301], "NX944"), ([0] * 3, "NX945")],
)
def test_a_fault_that_stays_is_one_error(faults, code):
    with DavServer() as server:
        server.faults = faults
        with pytest.raises(DeploymentError, match=code):
            HttpTarget(server.url).write("model-1.json.gz", b"model")
        assert server.files == {}


def test_secrets_of_an_address_are_sent_and_not_shown(monkeypatch):
    monkeypatch.setenv("NEXUS_DEPLOY_TOKEN", "tok3n")
    with DavServer() as server:
        url = server.url.replace("//", "//user:pa55@") + "?sig=s1gned"
        target = HttpTarget(url)
        target.write("a", b"b")
        assert server.asked[0][1].endswith("/models/a?sig=s1gned")
        server.faults = [403]
        with pytest.raises(DeploymentError) as caught:
            target.write("a", b"b")
    for secret in ("pa55", "s1gned", "tok3n"):
        assert secret not in str(caught.value) + target.place


def test_a_server_that_is_away(monkeypatch):
    monkeypatch.setattr(http_put, "_TIMEOUTS_S", (0.5, 0.5))
    with pytest.raises(DeploymentError, match="NX945"):
        HttpTarget("http://127.0.0.1:9/models").read("a", 1)


def test_a_lock_that_a_killed_push_left_is_broken(tmp_path):
    target = FolderTarget(str(tmp_path))
    lock = tmp_path / ".push.lock"
    lock.touch()
    os.utime(lock, (time.time() - 120, time.time() - 120))
    target.replace("manifest.json", b"one", None)
    assert not lock.exists()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    target = FolderTarget(str(tmp_path / "file" / "place"))
    with pytest.raises(DeploymentError, match="NX944"):
        target.write("a", b"b")
    with pytest.raises(DeploymentError, match="NX944"):
        target.replace("a", b"b", None)


def test_a_kind_that_nobody_knows():
    with pytest.raises(DeploymentError, match="NX941"):
        target_of("gopher://host/models")
    assert isinstance(target_of("models"), FolderTarget)
    assert isinstance(target_of("C:\\models"), FolderTarget)


@pytest.fixture
def bucket(monkeypatch):
    pytest.importorskip("obstore")
    with S3Server() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_bucket_that_refuses_the_key_is_one_error(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    target = target_of("s3://models")
    for use in (lambda: target.read("a", 1), lambda: target.write("a", b"b")):
        with pytest.raises(DeploymentError, match="NX862") as caught:
            use()
        assert "s3cret" not in str(caught.value)
    assert bucket.files == {}


def test_an_address_names_region_and_endpoint(bucket, monkeypatch):
    endpoint = bucket.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name)
    target = target_of(f"s3://models/eu?region=eu-west-1&endpoint={endpoint}")
    target.write("a", b"b")
    assert bucket.files == {"a": b"b"}
    assert "/eu-west-1/s3/" in bucket.asked[-1][2]["authorization"]
    assert target.place == "s3://models/eu"


def test_an_address_that_names_something_else_is_refused(bucket):
    with pytest.raises(DeploymentError, match=r"'secret_access_key', which is unknown \[NX862\]"):
        target_of("s3://models/eu?secret_access_key=x")
    assert bucket.asked == []


def test_a_push_to_a_bucket_between_reading_and_writing_wins(bucket):
    target = target_of("s3://models")
    target.replace("manifest.json", b"old", None)

    def other(path: str) -> None:
        bucket.before_put = None
        bucket.files[path] = b"other"

    bucket.before_put = other
    with pytest.raises(DeploymentError, match="NX943"):
        target.replace("manifest.json", b"mine", b"old")
    assert bucket.files["manifest.json"] == b"other"


def test_a_bucket_without_the_extra_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(DeploymentError, match=r"pytest-nexus-ci\[s3\]"):
        target_of("s3://models")
