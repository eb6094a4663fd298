"""Passes requests on to another process over a Unix socket, one connection for each.

What a client could claim of itself is taken out of the headers, and what is known of it put in.
"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

import h11
import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

BODY_BYTES_MAX: Final = 131_072
"""More than the console's forms and the API's changes take: what is longer is not kept to be refused there."""

ANSWER_BYTES_MAX: Final = 16_777_216
ANSWER_DEADLINE_S: Final = 30.0
AT_ONCE_MAX: Final = 16
"""Requests passed on at a time: pages must not crowd out what else the event loop does."""

HARMLESS: Final = frozenset({"GET", "HEAD"})
"""Methods by which nothing is changed: what was asked with them may be asked again."""

_READ_BYTES: Final = 65_536
_CHUNK_BYTES: Final = 65_536
_HOP_BY_HOP: Final = frozenset(  # RFC 9110, 7.6.1
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection"}
)
_OURS: Final = frozenset(  # "expect": the body is here already, nobody has to be asked for it
    {b"x-switch-peer", b"x-switch-certificate", b"x-forwarded-proto", b"content-length", b"expect"}
)
_MADE_HERE: Final = frozenset({b"content-length", b"date"})


class Message(NamedTuple):
    """A request as it is passed on, whole: it can be sent again."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


async def message_of(request: Request, certificate: str) -> Message | Response:
    """Return what of a request is passed on, or the answer to one that is not. ``certificate``: its SHA-256, or ""."""
    if "host" not in request.headers:
        return PlainTextResponse("a request names its host\n", 400)
    body = await _body_of(request)
    if body is None:
        return PlainTextResponse(f"more than {BODY_BYTES_MAX} bytes\n", 413)
    query = request.scope["query_string"]
    target = request.scope["raw_path"] + (b"?" + query if query else b"")
    headers = [(name, value) for name, value in request.headers.raw if name.lower() not in _HOP_BY_HOP | _OURS]
    headers += [
        *who_asks(request, certificate),
        (b"x-forwarded-proto", request.scope["scheme"].encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    return Message(request.method, target, headers, body)


def who_asks(request: Request, certificate: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that say what is known of who asks."""
    peer = request.client.host if request.client else ""
    return [(b"x-switch-peer", peer.encode()), (b"x-switch-certificate", certificate.encode())]


def late_answer(method: str) -> Response:
    """Return the answer for a request that was not answered in time."""
    then = "try again" if method in HARMLESS else "look whether it was done"
    return PlainTextResponse(f"the console gave no answer in time; {then}\n", 504)


class Passage:
    """The way to the other process."""

    def __init__(self, path: Path, patience_s: float = ANSWER_DEADLINE_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._room = trio.CapacityLimiter(AT_ONCE_MAX)

    async def pass_on(self, message: Message) -> Response:
        """Return the other process's answer.

        Raises OSError where nobody is there, so that nothing was sent; `trio.BrokenResourceError` where the other
        process goes away; `trio.TooSlowError`; and `h11.RemoteProtocolError` for an answer that is none.
        """
        with trio.fail_after(self._patience_s):
            async with self._room:
                return await self.ask(message)

    async def ask(self, message: Message) -> Response:
        """Send one request, however long it takes and however many there are; raises as `pass_on`."""
        async with await trio.open_unix_socket(str(self._path)) as stream:
            connection = h11.Connection(h11.CLIENT)
            sent = connection.send(h11.Request(method=message.method, target=message.target, headers=message.headers))
            sent = (sent or b"") + (connection.send(h11.Data(data=message.body)) or b"")
            await stream.send_all(sent + (connection.send(h11.EndOfMessage()) or b""))
            return await _answer(connection, stream)


async def _answer(connection: h11.Connection, stream: trio.SocketStream) -> Response:
    head: h11.Response | None = None
    parts: list[bytes] = []
    size = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(_READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
            size += len(parts[-1])
            if size > ANSWER_BYTES_MAX:
                raise trio.BrokenResourceError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            raise trio.BrokenResourceError("the answer broke off")
    if head is None:
        raise trio.BrokenResourceError("no answer")
    response = Response(b"".join(parts), head.status_code)
    response.raw_headers = [(name, value) for name, value in head.headers if name not in _HOP_BY_HOP | _MADE_HERE]
    response.raw_headers.append((b"content-length", str(size).encode()))
    return response


async def _body_of(request: Request) -> bytes | None:
    """Return the request's body; None for one that is too long."""
    parts: list[bytes] = []
    size = 0
    async with aclosing(request.stream()) as stream:
        async for part in stream:
            parts.append(part)
            size += len(part)
            if size > BODY_BYTES_MAX:
                return None
    return b"".join(parts)
