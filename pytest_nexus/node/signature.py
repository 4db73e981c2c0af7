"""Sign manifests and check signatures, with keys from the environment only.

- `NEXUS_MODEL_KEY`: a shared secret, for HMAC-SHA256; signs and checks.
- `NEXUS_SIGNING_KEY` and `NEXUS_PUBLIC_KEY`: an Ed25519 pair, 64 hexadecimal digits each; they need
  the package `cryptography`. A node holds the public key alone, so it cannot sign.
"""

from __future__ import annotations

import hmac
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLES: Final = ("NEXUS_MODEL_KEY", "NEXUS_SIGNING_KEY", "NEXUS_PUBLIC_KEY")
"""In the order of `Keys`."""

LEAST_KEY_CHARS: Final = 16
HMAC: Final = "hmac-sha256"
ED25519: Final = "ed25519"
_KEY_DIGITS: Final = 64


class Keys(NamedTuple):
    """The keys that this process holds."""

    shared: str = ""
    signing: str = ""
    public: str = ""

    @property
    def can_check(self) -> bool:
        """Whether a signature can be checked at all."""
        return bool(self.shared or self.public)


def keys_from(environ: Mapping[str, str]) -> Keys:
    """Return the keys in the environment.

    Raises:
        DeploymentError: a key is too short, or is not of its form.
    """
    keys = Keys(*(environ.get(name, "").strip() for name in KEY_VARIABLES))
    if keys.shared and len(keys.shared) < LEAST_KEY_CHARS:
        raise DeploymentError(
            "NX931", f"NEXUS_MODEL_KEY is too short: at least {LEAST_KEY_CHARS} characters"
        )
    for name, key in zip(KEY_VARIABLES[1:], keys[1:], strict=True):
        if key and (len(key) != _KEY_DIGITS or not _is_hex(key)):
            raise DeploymentError("NX931", f"{name} is not 64 hexadecimal digits")
    return keys


def _is_hex(key: str) -> bool:
    return all(char in "0123456789abcdefABCDEF" for char in key)


def sign(body: bytes, keys: Keys) -> dict[str, str]:
    """Return the signatures of a manifest's body, one for each key that can sign.

    Raises:
        DeploymentError: the package `cryptography` is missing.
    """
    found = {}
    if keys.shared:
        found[HMAC] = hmac.digest(_secret(keys), body, "sha256").hex()
    if keys.signing:
        private = _ed25519().Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys.signing))
        found[ED25519] = private.sign(body).hex()
    return found


def verify(body: bytes, signatures: Mapping[str, str], keys: Keys) -> None:
    """Check the signatures for which this process has a key; each of them must be right.

    Raises:
        DeploymentError: a signature is missing or wrong.
    """
    if keys.shared:
        expected = hmac.digest(_secret(keys), body, "sha256").hex()
        if not hmac.compare_digest(expected, signatures.get(HMAC, "")):
            raise _unsigned()
    if keys.public:
        public = _ed25519().Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys.public))
        try:
            public.verify(bytes.fromhex(signatures.get(ED25519, "")), body)
        except Exception as exc:
            raise _unsigned() from exc


def _unsigned() -> DeploymentError:
    return DeploymentError(
        "NX932", "The deployed model is not signed with the key of this place; it is not used"
    )


def _secret(keys: Keys) -> bytes:
    return keys.shared.encode("utf-8", "surrogatepass")


def _ed25519() -> Any:
    try:
        return import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
    except ImportError as exc:
        raise DeploymentError(
            "NX933", "Ed25519 keys need the package cryptography; run `pip install cryptography`"
        ) from exc
