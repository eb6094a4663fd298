"""Keeps the console running in a process of its own, so that making pages never takes the event loop's time.

It is begun when somebody first asks for a page and begun again when it ends; its end touches nothing else. It ends
with the switch, however that ends: its standard input is a pipe that nobody else holds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from http.client import NO_CONTENT
from pathlib import Path
from typing import Final

import h11
import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from switch.admin.pages import MAY_READ_METRICS
from switch.admin.passing import Passage
from switch.admin.serving import CERTIFICATE
from switch.config import Settings
from switch.telemetry import EventLog

START_DEADLINE_S: Final = 20.0
REST_S: Final = 2.0
"""Between the end of one process and the beginning of the next: one that cannot start must not burn the machine."""

_LOOK_EVERY_S: Final = 0.02
_BROKEN: Final = (OSError, trio.BrokenResourceError, trio.TooSlowError, h11.RemoteProtocolError)


class ConsoleProcess:
    """The console of one switch. `run` in the switch's nursery; `answer` passes requests on."""

    def __init__(self, settings: Settings, events: EventLog) -> None:
        self._settings = settings
        self._events = events
        self._wanted = trio.Event()
        self._ready = trio.Event()

    @property
    def is_up(self) -> bool | None:
        """Whether the process answers; None before anybody asked for a page."""
        return self._ready.is_set() if self._wanted.is_set() else None

    async def run(self) -> None:
        """Run the process from the first request on, until cancelled."""
        await self._wanted.wait()
        with tempfile.TemporaryDirectory(prefix="switch-console-") as folder:  # only its owner may enter it
            path = Path(folder) / "socket"
            self._passage = Passage(path)
            while True:
                await self._run_once(path)
                self._ready = trio.Event()
                self._events.console_ended()
                await trio.sleep(REST_S)

    async def answer(self, request: Request) -> Response:
        """Return the console's answer, or one that says why there is none."""
        self._wanted.set()
        with trio.move_on_after(START_DEADLINE_S) as patience:
            await self._ready.wait()
        if patience.cancelled_caught:
            return PlainTextResponse("the console does not start; the switch's log says why\n", 503)
        try:
            return await self._passage.pass_on(request, request.scope.get("state", {}).get(CERTIFICATE, ""))
        except _BROKEN:
            return PlainTextResponse("the console gave no answer; try again\n", 502)

    async def may_read_metrics(self, request: Request) -> bool:
        """Whether the request shows a token that is good for looking."""
        self._wanted.set()
        with trio.move_on_after(START_DEADLINE_S):
            await self._ready.wait()
            shown = request.headers.get("authorization", "").encode()
            headers = [(b"host", b"console"), (b"authorization", shown), (b"connection", b"close")]
            with suppress(*_BROKEN):
                answer = await self._passage.ask("GET", MAY_READ_METRICS.encode(), headers)
                return answer.status_code == NO_CONTENT
        return False

    async def _run_once(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            await trio.Path(path).unlink()
        command = [sys.executable, "-m", "switch", "console", "--socket", str(path)]
        process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        try:
            with suppress(trio.BrokenResourceError):
                await process.stdin.send_all(self._settings.model_dump_json().encode() + b"\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_for, path)
                await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):  # a killed process ends at once
                await process.wait()
                await process.stdin.aclose()

    async def _watch_for(self, path: Path) -> None:
        """Say when the process listens."""
        while True:
            with suppress(OSError):
                async with await trio.open_unix_socket(str(path)):
                    self._ready.set()
                    return
            await trio.sleep(_LOOK_EVERY_S)
