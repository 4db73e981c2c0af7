from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.errors import DeploymentError
from pytest_nexus.node.manifest import (
    Entry,
    Manifest,
    body_of,
    document_of,
    entry_for,
    read_document,
)

ENTRY = Entry("a" * 16, "0" * 64, 100, {"p99_ms": 3.5, "kind": "own"})
OTHER = Entry("b" * 16, "1" * 64, 90)
MANIFEST = Manifest("eu-west", 3, ENTRY, OTHER, OTHER, 10.0, 1.5, "f" * 16)


def test_what_is_written_is_read_back():
    found, signatures = read_document(document_of(MANIFEST, {"hmac-sha256": "ab"}))
    assert found == MANIFEST
    assert signatures == {"hmac-sha256": "ab"}
    assert body_of(found) == body_of(MANIFEST)


@given(st.text(max_size=50), st.text(max_size=60))
def test_any_name_survives(region, version):
    made = Manifest(region, 1, ENTRY._replace(version=version))
    try:
        found, _ = read_document(document_of(made, {}))
    except DeploymentError:
        assert "\ud800" <= max(region + version) <= "\udfff" or len(version) > 64
        return
    assert found == made


FIELDS = ["format", "region", "sequence", "model", "canary_percent", "schema", "previous"]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [-1, 1e400, [], {"a": 1}, "x" * 500, True])
def test_a_wrong_value_is_one_error_or_harmless(name, value):
    document = json.loads(document_of(MANIFEST, {}))
    document["manifest"][name] = value
    with suppress(DeploymentError):
        found, _ = read_document(json.dumps(document).encode())
        assert 0.0 <= found.canary_percent <= 100.0
        assert found.sequence >= 1
        assert isinstance(found.region, str)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"null", b"\xff", b"[" * 60_000, b" " * 70_000, b'{"manifest": 1}']
)
def test_another_file_is_one_error(data):
    with pytest.raises(DeploymentError, match="NX930"):
        read_document(data)


def test_a_path_in_place_of_a_digest_is_refused():
    document = json.loads(document_of(MANIFEST, {}))
    document["manifest"]["model"]["sha256"] = "../../etc/passwd".ljust(64, "0")
    with pytest.raises(DeploymentError, match="NX930"):
        read_document(json.dumps(document).encode())


RUNNERS = [f"runner-{n}" for n in range(4000)]


def drawn(percent: float, version: str = "b" * 16) -> set[str]:
    made = MANIFEST._replace(canary=OTHER._replace(version=version), canary_percent=percent)
    return {name for name in RUNNERS if entry_for(made, name).version == version}


def test_a_canary_gets_its_share_and_a_larger_share_keeps_it():
    ten, thirty = drawn(10.0), drawn(30.0)
    assert 330 < len(ten) < 470
    assert ten < thirty
    assert drawn(0.0) == set()
    assert drawn(100.0) == set(RUNNERS)


def test_the_next_canary_draws_other_runners():
    assert len(drawn(10.0) & drawn(10.0, "c" * 16)) < 100


def test_without_a_canary_every_runner_gets_the_model():
    assert entry_for(MANIFEST._replace(canary=None), "any") == ENTRY
