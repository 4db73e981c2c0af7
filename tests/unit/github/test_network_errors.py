"""Network errors are told in words of our own."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from pytest_nexus.errors import GitHubError
from pytest_nexus.github.client import Client

LIBRARY = ("HTTPConnectionPool", "HTTPSConnectionPool", "urllib3", "Max retries", "object at 0x",
           "[Errno", "SSLError", "Connection aborted", "requests.", "Expecting value")  # fmt: skip


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def answering(data: bytes) -> tuple[str, threading.Thread]:
    """Return the address of a server that sends some bytes and closes, once for each try."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"http://127.0.0.1:{server.getsockname()[1]}", thread


def said(url: str, monkeypatch: pytest.MonkeyPatch, tries: int = 2) -> str:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    client = Client("o/n", api_url=url, tries=tries, sleep=lambda _: None)
    with pytest.raises(GitHubError) as caught:
        client.get("actions/artifacts")
    client.close()
    text = str(caught.value)
    assert not [word for word in LIBRARY if word in text], text
    return text


def test_a_name_that_is_not_found(monkeypatch):
    assert "the name of the server is not found" in said("http://nosuch.invalid", monkeypatch)


def test_a_connection_that_is_refused(monkeypatch):
    assert "refuses the connection" in said(f"http://127.0.0.1:{free_port()}", monkeypatch)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", "cut short"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{oops", "damaged"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
         "compressed wrongly"),
    ],
    ids=["closed", "short", "no JSON", "no gzip"],
)  # fmt: skip
def test_an_answer_that_breaks(monkeypatch, data, words):
    url, thread = answering(data)
    text = said(url, monkeypatch)
    assert words in text or "closed the connection" in text
    del thread


def test_a_server_without_tls(monkeypatch):
    url, _ = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "no secure connection" in said(url.replace("http:", "https:"), monkeypatch)


def test_a_proxy_that_does_not_answer(monkeypatch):
    url = f"http://127.0.0.1:{free_port()}"
    client = Client("o/n", api_url="https://api.github.com", tries=1, sleep=lambda _: None)
    client._session.proxies = {"https": url}
    with pytest.raises(GitHubError, match="the proxy does not answer"):
        client.get("actions/artifacts")
    client.close()
