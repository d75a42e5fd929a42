"""Requests whose end a proxy and the registry could see in different places: nothing behind them is answered."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.processes import Registry, running_registry

SECONDS = 10
CANARY = "CANARY-9134"
HEAD = "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
HIDDEN = "GET /live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
BOTH = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
TURNED = "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


def answers(registry: Registry, text: str, path: str) -> list[str]:
    """Everything that comes back until the server closes, cut where an answer begins."""
    host = urlsplit(registry.address).netloc
    name, port = host.split(":")
    found = b""
    with socket.create_connection((name, int(port)), SECONDS) as connection:
        connection.settimeout(SECONDS)
        connection.sendall((text + HIDDEN).format(path=path, host=host).encode())
        while part := connection.recv(65536):
            found += part
    return found.decode().split("HTTP/1.1 ")[1:]


def test_two_whole_requests_have_two_answers(registry: Registry) -> None:
    """What the others tell by: the second one is read, where the first is sound."""
    sound = HEAD + "Content-Length: 2\r\n\r\n{{}}"
    first, second = answers(registry, sound, "/csp-report/")
    assert first.startswith("204")
    assert second.startswith("200")
    assert second.endswith("live\n")
    first, second = answers(registry, HEAD + CHUNKED + "2\r\n{{}}\r\n0\r\n\r\n", "/csp-report/")
    assert (first[:3], second[:3]) == ("204", "200")


@pytest.mark.parametrize("path", ["/csp-report/", "/sign-in/", "/live", "/api/v1/token"])
@pytest.mark.parametrize(
    "rest",
    [
        BOTH,
        TURNED,
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "Content-Length: +4\r\n\r\nabcd",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_request_of_two_lengths_is_refused_with_all_behind_it(
    registry: Registry, rest: str, path: str
) -> None:
    [only] = answers(registry, HEAD + rest, path)
    assert only[:3] in ("400", "501"), only


@pytest.mark.parametrize("path", ["/csp-report/", "/sign-in/", "/live", "/api/v1/token"])
@pytest.mark.parametrize(
    "chunks",
    [
        "ZZ\r\nab\r\n0\r\n\r\n",
        "-2\r\nab\r\n0\r\n\r\n",
        "0x2\r\nab\r\n0\r\n\r\n",
        "2\r\nabcd0\r\n\r\n",
        "2\nab\n0\n\n",
    ],
)
def test_chunk_that_is_none_ends_the_connection(registry: Registry, chunks: str, path: str) -> None:
    """The registry reads no body without a length, so a page may have answered before; then it is over."""
    *before, last = answers(registry, HEAD + CHUNKED + chunks, path)
    assert last.startswith("400"), last
    assert len(before) <= 1
    assert "live\n" not in "".join(before)


@pytest.mark.requirement("I1")
@pytest.mark.parametrize(
    "text",
    [
        f"GET /records/{CANARY}/ HTTP/9.9\r\n",
        f"{CANARY}[] /records/ HTTP/1.1\r\n",
        f"GET /records/ HTTP/1.1\r\n{CANARY} name: x\r\n",
        f"GET /records/ HTTP/1.1\r\nTransfer-Encoding: {CANARY}\r\n",
    ],
)
def test_request_that_cannot_be_read_is_in_no_line_of_the_log(
    registry: Registry, text: str
) -> None:
    before = registry.log("web").count("Invalid request")
    [refused] = answers(registry, f"{text}\r\n", "")
    assert refused[:3] in ("400", "501")
    assert registry.log("web").count("Invalid request") == before + 1
    assert CANARY not in registry.log("web")
