"""Serves connections that the switch hands over: it accepted them, the console talks with who is at their other end.

Nothing stands between the client and the console here, so what the switch does to a request that it passes on is done
to each request by `Guarded`: nobody says of themselves who they are, and no request takes more than its share.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Part

from switch.admin.handing import LATE, REFUSED, TAKEN
from switch.admin.pages import ANSWERED_HERE
from switch.admin.passing import ANSWER_DEADLINE_S, AT_ONCE_MAX, Message, late_answer, message_of
from switch.admin.serving import Connections

_DESCRIPTOR_BYTES: Final = array("i").itemsize


async def serve_handed(app: ASGIApp, listener: trio.SocketListener, patience_s: float = ANSWER_DEADLINE_S) -> None:
    """Serve until cancelled. ``patience_s``: for one answer of the application."""
    await trio.serve_listeners(partial(_take, app, patience_s), [listener])


async def _take(app: ASGIApp, patience_s: float, channel: trio.SocketStream) -> None:
    """Take connections until the switch is gone. Nothing is read from one before the switch knows that it is taken."""

    async def late() -> None:
        await channel.socket.send(LATE)

    connections = Connections(Guarded(app, late, patience_s))
    async with trio.open_nursery() as nursery:
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                sent, ancillary, _, _ = await channel.socket.recvmsg(1, socket.CMSG_SPACE(_DESCRIPTOR_BYTES))
                if not sent:
                    return
                stream = _connection_in(ancillary)
                if stream is not None and connections.let_in():
                    await channel.socket.send(TAKEN)
                    nursery.start_soon(connections.serve, stream)
                else:
                    if stream is not None:
                        stream.socket.close()  # the switch has it too: its client notices nothing
                    await channel.socket.send(REFUSED)


def _connection_in(ancillary: list[tuple[int, int, bytes]]) -> trio.SocketStream | None:
    """Return the connection of a message; None where it was lost because this process may open no more."""
    descriptors = array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content)
    if not descriptors:
        return None
    os.set_inheritable(descriptors[0], False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(socket.socket(fileno=descriptors[0])))


class Guarded:
    """Stands between clients and an application that trusts what the switch says of them.

    An answer is made whole, `AT_ONCE_MAX` at a time, before any of it is sent: a client that reads slowly keeps
    nothing of the application waiting. ``late`` is awaited when one took longer than ``patience_s``.
    """

    def __init__(self, app: ASGIApp, late: Callable[[], Awaitable[object]], patience_s: float) -> None:
        self._app = app
        self._late = late
        self._patience_s = patience_s
        self._room = trio.CapacityLimiter(AT_ONCE_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        if scope["path"] in ANSWERED_HERE:  # "here" is the switch: the next connection goes to it again
            await RedirectResponse(scope["path"], 307, {"connection": "close"})(scope, receive, send)
            return
        try:
            message = await message_of(Request(scope, receive), certificate="")
        except ClientDisconnect:
            return
        if isinstance(message, Response):
            await message(scope, receive, send)
        else:
            await self._answer(scope, message, send)

    async def _answer(self, scope: Scope, message: Message, send: Send) -> None:
        answer = _Answer(message.body)
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(self._patience_s):
                async with self._room:
                    nursery.start_soon(self._make, {**scope, "headers": message.headers}, answer)
                    await answer.is_whole.wait()
            if answer.is_whole.is_set():
                for part in answer.parts:
                    await send(part)
                return
            await late_answer(message.method)(scope, answer.receive, send)
            with suppress(OSError):
                await self._late()
            nursery.cancel_scope.cancel()  # what runs in a thread is done to its end

    async def _make(self, scope: Scope, answer: _Answer) -> None:
        await self._app(scope, answer.receive, answer.keep)
        answer.is_whole.set()


class _Answer:
    """What an application says to one request, kept until it is whole."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.parts: list[Part] = []
        self.is_whole = trio.Event()

    async def receive(self) -> Part:
        """Give the request's body, which is here already, once."""
        body, self._body = self._body, None
        if body is None:
            await trio.sleep_forever()
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(self, part: Part) -> None:
        self.parts.append(part)
