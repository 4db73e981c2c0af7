"""Start a private PgBouncer that pools by transaction, in front of a server of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING: Final = "PgBouncer is not installed (apt-get install pgbouncer)"

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


def program() -> str | None:
    """Return the path of PgBouncer; None without one."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooled(url: str) -> Iterator[str]:
    """Yield the address of a database through a pooler; `program` must be there."""
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
            [str(program()), "-q", *as_user, str(settings)],
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
