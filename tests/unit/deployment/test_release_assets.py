from __future__ import annotations

import pytest

from pytest_nexus.deployment.targets.release_assets import ReleaseTarget
from pytest_nexus.errors import DeploymentError
from tests.support.release_server import ReleaseServer

ADDRESS = "github://octo/repo/models"


@pytest.fixture
def server(monkeypatch):
    with ReleaseServer() as made:
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


class Killed(ReleaseTarget):
    """A target whose process is killed before its n-th request, and sends nothing after it."""

    left = 0

    def _send(self, *given, **named):
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt
        return super()._send(*given, **named)


@pytest.mark.parametrize("at", range(1, 11))
def test_a_push_that_is_killed_at_any_request_leaves_the_old_or_the_new_manifest(server, at):
    ReleaseTarget(ADDRESS).replace("manifest.json", b"old", None)
    dying = Killed(ADDRESS)
    dying.left = at
    try:
        dying.replace("manifest.json", b"new", b"old")
    except KeyboardInterrupt:
        pass
    else:
        pytest.fail("the push was not killed: it sends fewer requests")
    live = ReleaseTarget(ADDRESS).read("manifest.json", 10)
    assert live in (b"old", b"new")
    server.ahead_s = 120.0
    ReleaseTarget(ADDRESS).replace("manifest.json", b"next", live)
    assert ReleaseTarget(ADDRESS).read("manifest.json", 10) == b"next"
    assert [each["name"] for each in server.assets.values()] == ["manifest.json"]


def test_a_fresh_lock_means_another_push(server):
    ReleaseTarget(ADDRESS).write("push.lock", b"1")
    with pytest.raises(DeploymentError, match="NX943"):
        ReleaseTarget(ADDRESS).replace("manifest.json", b"new", None)
    assert server.named("push.lock") is not None


def test_assets_beyond_the_first_page_are_found(server):
    for number in range(103):
        server.assets[number + 1] = {
            "id": number + 1, "name": f"manifest-{number}.json", "data": b"%d" % number,
            "created_at": "2025-01-01T00:00:00Z",
        }  # fmt: skip
    assert ReleaseTarget(ADDRESS).read("manifest-102.json", 10) == b"102"
    with pytest.raises(DeploymentError, match="NX942"):
        ReleaseTarget(ADDRESS).read("manifest-102.json", 2)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("github://octo", "NX863"),
        ("github://octo/../x", "NX863"),
        ("github://octo/repo/no", "NX864"),
    ],
)
def test_an_address_without_a_release_is_one_error(server, address, code):
    with pytest.raises(DeploymentError, match=code):
        ReleaseTarget(address).read("manifest.json", 10)


def test_a_token_is_sent_nowhere_else(server, monkeypatch):
    server.uploads = "http://127.0.0.1:9"
    with pytest.raises(DeploymentError, match="elsewhere"):
        ReleaseTarget(ADDRESS).write("a", b"b")
    monkeypatch.setenv("GITHUB_TOKEN", "another")
    with pytest.raises(DeploymentError, match="HTTP 401") as caught:
        ReleaseTarget(ADDRESS).read("a", 1)
    assert "another" not in str(caught.value)
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    with pytest.raises(DeploymentError, match="NX866"):
        ReleaseTarget(ADDRESS).read("a", 1)
