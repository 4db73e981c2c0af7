from __future__ import annotations

import pytest

from pytest_nexus.deployment.targets.http_put import TOKEN_VARIABLE
from pytest_nexus.errors import DeploymentError
from pytest_nexus.node.current_model import REGION_VARIABLE
from pytest_nexus.node.signature import KEY_VARIABLES, Keys, keys_from, sign, verify
from pytest_nexus.registration.misspelt_settings import unknown_variables

KEY = "a shared secret of the team"


def test_the_right_key_verifies_and_another_does_not():
    signatures = sign(b"body", Keys(shared=KEY))
    verify(b"body", signatures, Keys(shared=KEY))
    for body, key in ((b"bodi", KEY), (b"body", KEY + "x")):
        with pytest.raises(DeploymentError, match="NX932"):
            verify(body, signatures, Keys(shared=key))


def test_a_missing_signature_is_no_signature():
    with pytest.raises(DeploymentError, match="NX932"):
        verify(b"body", {}, Keys(shared=KEY))


def test_without_a_key_nothing_is_checked():
    verify(b"body", {}, Keys())
    assert not Keys().can_check
    assert sign(b"body", Keys()) == {}


def test_a_public_key_verifies_and_cannot_sign():
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    private = ed25519.Ed25519PrivateKey.generate()
    secret = private.private_bytes_raw().hex()
    public = private.public_key().public_bytes_raw().hex()
    signatures = sign(b"body", Keys(signing=secret))
    verify(b"body", signatures, Keys(public=public))
    assert sign(b"body", Keys(public=public)) == {}
    for wrong in ({}, {"ed25519": "00" * 64}, {"ed25519": "x"}):
        with pytest.raises(DeploymentError, match="NX932"):
            verify(b"body", wrong, Keys(public=public))
    with pytest.raises(DeploymentError, match="NX932"):
        verify(b"bodi", signatures, Keys(public=public))


def test_both_signatures_are_needed_where_both_keys_are_known():
    with pytest.raises(DeploymentError, match="NX932"):
        verify(b"body", {}, Keys(shared=KEY, public="00" * 32))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL", "secret-15-chars"),
        ("PUBLIC", "00"),
        ("SIGNING", "x" * 64),
        ("PUBLIC", "\u0661" * 64),
    ],
)
def test_a_key_of_another_form_is_one_error(name, value):
    with pytest.raises(DeploymentError, match="NX931") as caught:
        keys_from({f"NEXUS_{name}_KEY": value})
    assert value not in str(caught.value)


def test_keys_come_from_the_environment():
    found = keys_from({"NEXUS_MODEL_KEY": f" {KEY}\n"})
    assert found == Keys(shared=KEY)
    assert found.can_check


def test_no_session_calls_a_variable_of_deployments_unknown():
    assert unknown_variables([*KEY_VARIABLES, REGION_VARIABLE, TOKEN_VARIABLE]) == []
    assert len(unknown_variables(["NEXUS_MODEL_KYE"])) == 1
