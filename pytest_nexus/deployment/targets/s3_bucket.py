"""Push to a bucket of S3, or of a store that speaks its protocol (extra `s3`).

Conditional writes (`If-Match`, `If-None-Match`) make the quicker of two pushes win. A store that
ignores conditions is asked afterwards whose manifest it has.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from pytest_nexus.deployment.targets.target import MOST_REPLACED_BYTES, taken
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import DeploymentError

ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
_NAMED: Final = frozenset({"region", "endpoint"})
_RETRIES: Final = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_MOST_REASON_CHARS: Final = 160


class BucketTarget:
    """A prefix of a bucket.

    Keys come from the variables of AWS, such as AWS_ACCESS_KEY_ID. So do region and endpoint,
    unless the address names them.

    Args:
        address: `s3://bucket/prefix`, or `s3://bucket/prefix?region=NAME&endpoint=URL`.

    Raises:
        DeploymentError: the package obstore is missing, or the address names no bucket or
            something unknown.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        named = dict(parse_qsl(parts.query))
        self.place = f"s3://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        try:
            self._obstore: Any = import_module("obstore")
            self._errors: Any = import_module("obstore.exceptions")
            store = import_module("obstore.store").S3Store
        except ImportError as exc:
            raise DeploymentError(
                "NX861", "S3 needs the package obstore; run `pip install 'pytest-nexus-ci[s3]'`"
            ) from exc
        if unknown := sorted(named.keys() - _NAMED):
            raise self._failed(ValueError(f"its address names {unknown[0]!r}, which is unknown"))
        endpoint = named.get("endpoint", originals.environ.get(ENDPOINT_VARIABLE, ""))
        is_plain = endpoint.startswith("http://")
        try:
            self._store = store(
                parts.netloc.rpartition("@")[2],
                prefix=parts.path.strip("/") or None,
                config=named,
                retry_config=_RETRIES,
                client_options={"allow_http": is_plain, "timeout": "30s", "connect_timeout": "5s"},
            )
        except Exception as exc:
            raise self._failed(exc) from exc

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file; None if there is none."""
        found = self._read(name, limit)
        return None if found is None else found[0]

    def write(self, name: str, data: bytes) -> None:
        """Put a file; a store shows all of it or nothing."""
        self._put(name, data, "overwrite")

    def replace(self, name: str, data: bytes, before: bytes | None) -> None:
        """Put a file if it still is as it was."""
        now = self._read(name, MOST_REPLACED_BYTES)
        if (None if now is None else now[0]) != before:
            raise taken(self.place)
        self._put(name, data, "create" if now is None else {"e_tag": now[1]})
        # A repeated request may be refused because the first one had arrived.
        if self.read(name, MOST_REPLACED_BYTES) != data:
            raise taken(self.place)

    def _read(self, name: str, limit: int) -> tuple[bytes, str] | None:
        try:
            found = self._obstore.get(self._store, name)
            size, tag = found.meta["size"], found.meta["e_tag"]
            if size <= limit:
                return bytes(found.bytes()), tag
        except (FileNotFoundError, self._errors.NotFoundError):
            return None
        except Exception as exc:
            raise self._failed(exc) from exc
        raise DeploymentError("NX942", f"{name} in {self.place!r} is larger than allowed")

    def _put(self, name: str, data: bytes, mode: object) -> None:
        refused = self._errors.AlreadyExistsError, self._errors.PreconditionError
        try:
            self._obstore.put(self._store, name, data, mode=mode, use_multipart=False)
        except refused:
            return  # `replace` looks whose file is there
        except Exception as exc:
            raise self._failed(exc) from exc

    def _failed(self, error: Exception) -> DeploymentError:
        """Return the error for whatever the library raises; its texts hold no keys."""
        reason = " ".join(str(error).split())[:_MOST_REASON_CHARS]
        return DeploymentError("NX862", f"The bucket {self.place!r} cannot be used: {reason}")
