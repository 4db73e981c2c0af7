"""Start a private PgBouncer that pools by transaction, in front of a server of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSING: Final = "no test behind a pooler runs without PgBouncer; run .ci/install_postgresql.sh"

_SETTINGS: Final = """
[databases]
* = host=127.0.0.1 port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
logfile = {folder}/log
"""
"""Two connections to the server for all jobs, so that transactions change their connections."""


def missing() -> str:
    """Why no pooler can be started, in one sentence; empty if one can be.

    Raises:
        RuntimeError: none can on Linux under `CI=true`, where no test may be skipped for that.
    """
    if _program() is not None:
        return ""
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        raise RuntimeError(_MISSING)
    return _MISSING


def _program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """Yield the address of a database through a pooler, which must not be `missing`."""
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory(prefix="nexus-pgbouncer-") as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        settings = folder / "settings.ini"
        values = {"server": parts.port, "port": port, "folder": name}
        settings.write_text(_SETTINGS.format(**values), encoding="utf-8")
        (folder / "users.txt").write_text(
            f'"{parts.username}" "{parts.password}"\n', encoding="utf-8"
        )
        as_user = ["-u", "nobody"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)
        process = subprocess.Popen(
            [str(_program()), "-q", *as_user, str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port)
            yield parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int) -> None:
    ends = monotonic() + 30
    while monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        sleep(0.05)
    raise TimeoutError(f"PgBouncer does not listen on {port}")
