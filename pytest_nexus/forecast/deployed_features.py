"""Name the set of features of this version, which a deployed model must share."""

from __future__ import annotations

from hashlib import sha256

from pytest_nexus.predictor.schema import NAMES


def feature_digest() -> str:
    """Return 16 hexadecimal digits over the names of the features, in order."""
    return sha256("\n".join(NAMES).encode("ascii")).hexdigest()[:16]
