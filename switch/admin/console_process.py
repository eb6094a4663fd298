"""Keeps the console running in a process of its own, so that making pages never takes the event loop's time.

It is begun when somebody first asks for a page and begun again when it ends; its end touches nothing else. It ends
with the switch, however that ends: its standard input is a pipe that nobody else holds.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from http.client import INTERNAL_SERVER_ERROR, NO_CONTENT
from pathlib import Path
from typing import Final

import h11
import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from switch.admin.handing import HANDED, Handing, is_for_console
from switch.admin.pages import MAY_READ_METRICS
from switch.admin.passing import ANSWER_DEADLINE_S, HARMLESS, Message, Passage, late_answer, message_of, who_asks
from switch.admin.serving import CERTIFICATE, Settle
from switch.config import Settings
from switch.telemetry import EventLog

START_DEADLINE_S: Final = 20.0
REST_S: Final = 2.0
"""Between the end of one process and the beginning of the next: one that cannot start must not burn the machine."""

ALIVE_DEADLINE_S: Final = 10.0
"""For the simplest page: a process that has not even that after a request was given up is ended and begun again."""

SOCKET_PATH_MAX: Final = 100
"""Bytes: systems take 104 or 108."""

_LOOK_EVERY_S: Final = 0.02
_NOTICED_WITHIN_S: Final = 2.0  # that a process is gone
_SIMPLEST: Final = Message("GET", b"/login", [(b"host", b"console"), (b"connection", b"close")])
_BROKEN_OFF: Final = (trio.BrokenResourceError, h11.RemoteProtocolError)
_BROKEN: Final = (OSError, trio.TooSlowError, *_BROKEN_OFF)


class ConsoleProcess:
    """The console of one switch. `run` in the switch's nursery; connections `go_over`, or `answer` passes requests on.

    ``folder`` is where its socket's folder is made: where temporary files are, unless it is told.
    """

    def __init__(
        self,
        settings: Settings,
        events: EventLog,
        *,
        folder: Path | None = None,
        patience_s: float = ANSWER_DEADLINE_S,
        alive_s: float = ALIVE_DEADLINE_S,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._patience_s = patience_s
        self._alive_s = alive_s
        self._events = events
        self._wanted = trio.Event()
        self._ready = trio.Event()
        self._hung = trio.Event()
        self._gone = trio.Event()
        self._handing: Handing | None = None

    @property
    def is_up(self) -> bool | None:
        """Whether the process answers; None before anybody asked for a page."""
        return self._ready.is_set() if self._wanted.is_set() else None

    async def run(self) -> None:
        """Run the process from the first request on, until cancelled."""
        await self._wanted.wait()
        while True:
            try:
                await self._run_in_folder()
            except OSError as error:  # no room for the folder or for another process
                self._events.unexpected("starting the console", error)
            if self._ready.is_set():  # else somebody waits for it
                self._ready = trio.Event()
            self._gone.set()
            self._gone = trio.Event()
            self._events.console_ended()
            await trio.sleep(REST_S)

    def go_over(self, connection: socket.socket, words: bytes, settle: Settle) -> bool:
        """Hand a connection over if its first request is a page's and the process is there: see `HandOver`."""
        return self._handing is not None and is_for_console(words) and self._handing.send(connection, settle)

    async def answer(self, request: Request) -> Response:
        """Return the console's answer, or one that says why there is none."""
        self._wanted.set()
        message = await message_of(request, _certificate_of(request))
        return message if isinstance(message, Response) else await self._answer(message)

    async def may_read_metrics(self, request: Request) -> bool | None:
        """Whether the request shows a token that is good for looking; None where neither console nor books can say."""
        self._wanted.set()
        headers = [
            (b"host", b"console"),
            (b"authorization", request.headers.get("authorization", "").encode()),
            *who_asks(request, _certificate_of(request)),
            (b"connection", b"close"),
        ]
        answer = await self._answer(Message("GET", MAY_READ_METRICS.encode(), headers))
        if answer.status_code >= INTERNAL_SERVER_ERROR:
            return None
        return answer.status_code == NO_CONTENT

    async def _answer(self, message: Message) -> Response:
        """Pass a message on, and once more to the next process where this one is gone and it does no harm."""
        answer = await self._try(message)
        return answer or await self._try(message) or PlainTextResponse("the console gave no answer; try again\n", 502)

    async def _try(self, message: Message) -> Response | None:
        """Return the answer, or None where it may be asked for again: nothing was sent, or nothing changes by it."""
        with trio.move_on_after(START_DEADLINE_S) as patience:
            await self._ready.wait()
        if patience.cancelled_caught:
            return PlainTextResponse("the console does not start; the switch's log says why\n", 503)
        gone = self._gone
        try:
            return await self._passage.pass_on(message)
        except trio.TooSlowError:
            self._look()
            return late_answer(message.method)
        except OSError:
            pass
        except _BROKEN_OFF:
            if message.method not in HARMLESS:
                return PlainTextResponse("the console gave no answer; look whether it was done\n", 502)
        with trio.move_on_after(_NOTICED_WITHIN_S):
            await gone.wait()
        return None

    async def _run_in_folder(self) -> None:
        """Run the process once, in a folder of its own that only its owner may enter."""
        with tempfile.TemporaryDirectory(
            prefix="switch-console-", dir=self._folder, ignore_cleanup_errors=True
        ) as folder:
            path = Path(folder) / "socket"
            if len(os.fsencode(path)) > SOCKET_PATH_MAX:
                raise OSError("the folder for temporary files (TMPDIR) has too long a name for a socket")
            self._passage = Passage(path, self._patience_s)
            await self._run_once(path)

    async def _run_once(self, path: Path) -> None:
        self._hung = trio.Event()
        command = [sys.executable, "-m", "switch", "console", "--socket", str(path)]
        process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        try:
            with suppress(trio.BrokenResourceError):
                await process.stdin.send_all(self._settings.model_dump_json().encode() + b"\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_for, path, nursery)
                nursery.start_soon(self._end_if_hung, process)
                await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):  # a killed process ends at once
                await process.wait()
                await process.stdin.aclose()
            if self._handing is not None:
                self._handing.close()
                self._handing = None

    async def _end_if_hung(self, process: trio.Process) -> None:
        """End a process that let a request wait to the last, if it has not a word for the simplest one either."""
        while True:
            await self._hung.wait()
            self._hung = trio.Event()
            with trio.move_on_after(self._alive_s), suppress(*_BROKEN):
                await self._passage.ask(_SIMPLEST)
                continue
            process.kill()

    def _look(self) -> None:
        """Have it looked at whether the process hangs."""
        self._hung.set()

    async def _watch_for(self, path: Path, nursery: trio.Nursery) -> None:
        """Say when the process listens, and open the way for connections."""
        while True:
            with suppress(OSError):
                async with await trio.open_unix_socket(str(path)):
                    with suppress(OSError):  # without it requests are passed on
                        self._handing = Handing.opened(path.with_name(HANDED), self._look, self._alive_s)
                        nursery.start_soon(self._handing.run)
                    self._ready.set()
                    return
            await trio.sleep(_LOOK_EVERY_S)


def _certificate_of(request: Request) -> str:
    return str(request.scope.get("state", {}).get(CERTIFICATE, ""))
