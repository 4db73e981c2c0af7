"""Start a private PostgreSQL for tests, in a folder of its own and on a free port of loopback.

The server refuses to run as root; it then runs as the unprivileged user that Debian's package
makes, or as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    import pwd
    from collections.abc import Iterator, Sequence

_DEBIAN: Final = Path("/usr/lib/postgresql")
_REMEDY: Final = "run .ci/install_postgresql.sh and pip install 'psycopg[binary]'"
_PASSWORD: Final = "s3cret-of-the-tests"  # noqa: S105 - of a server that lives as long as a test
_SETTINGS: Final = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=150",
    "listen_addresses=127.0.0.1",
)
"""The data survive a stop of the server, and need not survive one of the machine."""


def missing() -> str:
    """Why no server can be started, in one sentence; empty if one can be.

    Raises:
        RuntimeError: none can on Linux under `CI=true`, where no test may be skipped for that.
    """
    lacks = []
    if _bin() is None:
        lacks.append("PostgreSQL")
    if find_spec("psycopg") is None:
        lacks.append("the package psycopg")
    if not lacks:
        return ""
    sentence = f"no test of a shared database runs without {' and '.join(lacks)}; {_REMEDY}"
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        raise RuntimeError(sentence)
    return sentence


@dataclass
class Server:
    """A running server.

    Args:
        folder: holds its data, its socket and its log.
        port: on loopback.
    """

    folder: Path
    port: int
    _names: Iterator[int] = field(default_factory=count)

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, with the password of the owner."""
        return f"postgresql://owner:{quote(_PASSWORD)}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        import psycopg  # noqa: PLC0415 - may be missing

        name = f"made_{os.getpid()}_{next(self._names)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'create database "{name}"'.encode())
        return self.url(name)

    @property
    def password(self) -> str:
        """Return the password, to look for where it must not be."""
        return _PASSWORD

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = " ".join(f"-c {one}" for one in _SETTINGS)
        options += f" -p {self.port} -k {self.folder}"
        log = self.folder / "log"
        self._control("start", "-w", "-t", "60", "-l", str(log), "-o", options)

    def stop(self) -> None:
        """Stop the server at once; open connections break."""
        self._control("stop", "-w", "-m", "immediate")

    @contextmanager
    def tls(self) -> Iterator[Path]:
        """Let the server speak TLS with a certificate of its own; yield the file to trust."""
        import psycopg  # noqa: PLC0415 - may be missing

        trusted, data = self.folder / "trusted.pem", self.folder / "data"
        make_certificate(data / "server.crt", data / "server.key")
        shutil.copy(data / "server.crt", trusted)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for setting in ("SET ssl = on", "RESET ssl"):
                connection.execute(f"ALTER SYSTEM {setting}".encode())
                connection.execute("SELECT pg_reload_conf()")
                wanted = "on" if setting == "SET ssl = on" else "off"
                for _ in range(1000):
                    if connection.execute("SHOW ssl").fetchone() == (wanted,):
                        break
                    sleep(0.01)
                if wanted == "on":
                    yield trusted

    def _control(self, *words: str) -> None:
        _run([_tool("pg_ctl"), "-D", str(self.folder / "data"), *words])


@contextmanager
def started() -> Iterator[Server]:
    """Yield a server with a cluster of its own, and remove both afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nexus-pg-"))
    server = Server(folder, _free_port())
    try:
        _make_cluster(folder)
        server.start()
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):  # a test has stopped it
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of a process; without one they are skipped, and fail in CI."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    with started() as server:
        yield server


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a self-signed certificate of 127.0.0.1, which the user of the server can read."""
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    words = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    subprocess.run(
        ["openssl", *words, "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    user = _user()
    for path in (certificate, key):
        path.chmod(0o600)
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)


def _make_cluster(folder: Path) -> None:
    password = folder / "password"
    password.write_text(f"{_PASSWORD}\n", encoding="utf-8")
    user = _user()
    if user is not None:
        for path in (folder, password):
            os.chown(path, user.pw_uid, user.pw_gid)
    words = ["-D", str(folder / "data"), "-U", "owner", "--pwfile", str(password)]
    _run([_tool("initdb"), *words, "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "-N"])


def _run(words: Sequence[str]) -> None:
    """Run a tool of the server; its output goes to a file, which the server may keep open."""
    user = _user()
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                words,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=120,
                cwd="/",
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )
        except subprocess.CalledProcessError as exc:
            output.seek(0)
            exc.add_note(output.read().decode(errors="replace"))
            raise


def _user() -> pwd.struct_passwd | None:
    """Return the user that the server runs as; None for the user of this process."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - not on Windows

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL refuses to run as root, and there is no other user")


def _tool(name: str) -> str:
    folder = _bin()
    assert folder is not None, missing()
    return str(folder / name)


def _bin() -> Path | None:
    """Return the folder of the newest server, or None."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return None if path is None else Path(path).resolve().parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
