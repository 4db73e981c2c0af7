from __future__ import annotations

import time

import pytest

from pytest_nexus.errors import ArtifactError, GitHubError, LimitedError, NotAllowedError
from pytest_nexus.github.client import Client
from tests.support.github_server import Reply

SECONDARY = b'{"message": "You have exceeded a secondary rate limit"}'
LISTING = "actions/artifacts"


def test_pages_are_counted_to_the_end(server, client):
    for _ in range(250):
        server.put(b"")
    pages = list(client.pages(LISTING, "artifacts"))
    assert [len(page) for page in pages] == [100, 100, 50]
    assert server.count("per_page=100&page=3") == 1


def test_full_last_page_is_followed_by_an_empty_one(server, client):
    for _ in range(100):
        server.put(b"")
    assert [len(page) for page in client.pages(LISTING, "artifacts")] == [100, 0]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(429, {"Retry-After": "7"}), 7.0),
        (Reply(403, {"Retry-After": "9"}), 9.0),
        (Reply(429), 60.0),
        (Reply(403, body=SECONDARY), 60.0),
        (Reply(502), 1.0),
        (Reply(503, {"Retry-After": "3"}), 3.0),
    ],
)
def test_request_is_made_again_after_the_time_asked_for(server, client, waits, reply, expected):
    server.reply(LISTING, reply)
    assert client.get(LISTING)["artifacts"] == []
    assert waits == [expected]


def test_exhausted_limit_waits_until_it_is_reset(server, client, waits):
    reset = str(int(time.time()) + 100)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    server.reply(LISTING, Reply(403, headers))
    client.get(LISTING)
    assert 90 < waits[0] <= 101


def test_secondary_limit_doubles_its_wait_and_ends(server, client, waits):
    server.reply(LISTING, Reply(403, body=SECONDARY), times=5)
    with pytest.raises(LimitedError, match="NX801"):
        client.get(LISTING)
    assert waits == [60.0, 120.0, 240.0, 480.0]


def test_limit_that_lasts_too_long_is_an_error_at_once(server, client, waits):
    server.reply(LISTING, Reply(429, {"Retry-After": "3000"}))
    with pytest.raises(LimitedError, match="wait 3000 s"):
        client.get(LISTING)
    assert waits == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusal_is_not_repeated(server, client, waits, status):
    server.reply(LISTING, Reply(status))
    with pytest.raises(NotAllowedError, match=f"{status} to actions/artifacts: told to") as caught:
        client.get(LISTING)
    assert (caught.value.status, waits) == (status, [])


def test_server_that_stays_broken_is_an_error(server, client, waits):
    server.reply(LISTING, Reply(500), times=5)
    with pytest.raises(GitHubError, match="GitHub answers 500"):
        client.get(LISTING)
    assert len(waits) == 4


def test_server_that_is_not_there_is_an_error(client, waits):
    client.api_url = "http://127.0.0.1:9"
    with pytest.raises(LimitedError, match="NX802"):
        client.get(LISTING)
    assert len(waits) == 4


def test_server_that_redirects_in_a_circle_is_an_error(server, client):
    for _ in range(40):
        server.reply(LISTING, Reply(302, {"Location": f"/repos/octo/repo/{LISTING}"}))
    with pytest.raises(GitHubError, match=r"actions/artifacts.*NX807"):
        client.get(LISTING)


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"7"])
def test_answer_that_is_no_listing_is_an_error(server, client, body):
    server.reply(LISTING, Reply(200, body=body))
    with pytest.raises(GitHubError):
        list(client.pages(LISTING, "artifacts"))


def test_download_follows_the_redirect_and_keeps_the_token_to_itself(server, client, tmp_path):
    server.put(b"x" * 1000)
    assert client.download(f"{LISTING}/1/zip", tmp_path / "a", 2000) == 1000
    assert (tmp_path / "a").read_bytes() == b"x" * 1000
    (headers,) = server.storage_headers
    assert "Authorization" not in headers


def test_download_that_is_cut_short_is_made_again(server, client, tmp_path, waits):
    server.put(b"x" * 1000)
    server.reply("/blob/", Reply(200, cut=300), times=2)
    client.download(f"{LISTING}/1/zip", tmp_path / "a", 2000)
    assert (tmp_path / "a").read_bytes() == b"x" * 1000
    assert len(waits) == 2


def test_download_that_is_always_cut_short_is_an_error(server, client, tmp_path):
    server.put(b"x" * 1000)
    server.reply("/blob/", Reply(200, cut=300), times=5)
    with pytest.raises(GitHubError, match="NX806"):
        client.download(f"{LISTING}/1/zip", tmp_path / "a", 2000)


def test_download_that_is_too_long_is_refused(server, client, tmp_path):
    server.put(b"x" * 3000)
    with pytest.raises(ArtifactError, match=r"2,000 bytes.*NX809"):
        client.download(f"{LISTING}/1/zip", tmp_path / "a", 2000)


def test_without_a_token_none_is_sent(server, waits):
    client = Client("octo/repo", "", server.url, sleep=waits.append)
    with pytest.raises(NotAllowedError):
        client.get(LISTING)
    client.close()
