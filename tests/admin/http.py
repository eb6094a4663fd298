"""A client for tests that speaks just enough HTTP/1.1 over a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    headers: dict[str, str]
    body: str


async def ask(
    stream: trio.abc.Stream, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: str = ""
) -> Told:
    """Send one request and read until the other side closes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: switch.test", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    await stream.send_all(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    answer = b""
    while data := await stream.receive_some(65_536):
        answer += data
    head, _, text = answer.decode().partition("\r\n\r\n")
    status, *named = head.split("\r\n")
    return Told(int(status.split()[1]), {n.lower(): v for n, _, v in (one.partition(": ") for one in named)}, text)
