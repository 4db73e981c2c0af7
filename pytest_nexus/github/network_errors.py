"""Explain network errors in plain words, without the texts of the libraries."""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, Final

import requests

from pytest_nexus.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: Final = (
    (socket.gaierror, "the name of the server is not found; check the network and --api-url"),
    (
        ssl.SSLCertVerificationError,
        "the certificate of the server is not trusted; check the proxy and REQUESTS_CA_BUNDLE",
    ),
    (ssl.SSLError, "no secure connection comes about; check --api-url and the proxy"),
    (ConnectionRefusedError, "the server refuses the connection; check --api-url"),
    (ConnectionResetError, "the server closed the connection; try again later"),
    (BrokenPipeError, "the server closed the connection; try again later"),
)
"""Sentences by operating system error, which may be anywhere in the chain of causes."""

_KINDS: Final = (
    (requests.exceptions.ProxyError, "the proxy does not answer; check HTTPS_PROXY"),
    (
        requests.exceptions.SSLError,
        "the certificate of the server is not trusted; check the proxy and REQUESTS_CA_BUNDLE",
    ),
    (requests.exceptions.ConnectTimeout, "the server does not answer in time; try again later"),
    (requests.exceptions.ReadTimeout, "the answer does not come in time; try again later"),
    (requests.exceptions.ChunkedEncodingError, "the answer was cut short; try again later"),
    (requests.exceptions.ContentDecodingError, "the answer is compressed wrongly"),
    (requests.exceptions.TooManyRedirects, "the server redirects in a circle"),
    (requests.exceptions.InvalidURL, "the address is not valid; check --api-url"),
    (requests.exceptions.InvalidSchema, "the address is not valid; check --api-url"),
    (requests.ConnectionError, "the connection broke; try again later"),
    (requests.Timeout, "the server does not answer in time; try again later"),
    (ArtifactError, "the answer is too long"),
    (RecursionError, "the answer is nested too deeply"),
    (ValueError, "the answer is damaged"),
)
"""Sentences by library error, the most specific first."""


def reason(error: BaseException) -> str:
    """Return why a request failed, and a remedy."""
    chain = list(_chain(error))
    if not any(isinstance(each, requests.exceptions.ProxyError) for each in chain):
        for each in chain:
            for kind, words in _WORDS:
                if isinstance(each, kind):
                    return words
            if isinstance(each, OSError) and isinstance(each.errno, int):
                return f"{os.strerror(each.errno).lower()}; check the network"
    return next(words for kind, words in (*_KINDS, _OTHER) if isinstance(error, kind))


_OTHER: Final = (BaseException, "the request failed; try again later")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors behind it: causes, and errors among its arguments."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        waiting += [other for other in inner if isinstance(other, BaseException)]
