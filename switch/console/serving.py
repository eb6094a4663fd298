"""The console's process: reads its settings from the switch, serves its two Unix sockets, ends with the switch."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import trio
from starlette.applications import Starlette
from starlette.routing import Mount

from switch.admin.handing import HANDED
from switch.admin.serving import serve_connections
from switch.api.application import build_api
from switch.config import Settings, settings_of
from switch.console.application import build_console
from switch.console.handed import serve_handed
from switch.console.pages import PAGES
from switch.console.waiting import Waiting
from switch.ledger.behind import step_back
from switch.office.all_acts import ACTS
from switch.office.opening import open_desk


def serve_console(path: Path) -> None:
    """Serve until standard input, on which the switch writes the settings as one line of JSON, is closed."""
    settings = settings_of(sys.stdin.buffer.readline())
    step_back()  # payments first: pages take what the processor has left
    trio.run(_serve, settings, path)


async def _serve(settings: Settings, path: Path) -> None:
    with ExitStack() as opened:

        def make() -> Starlette:
            desk = opened.enter_context(open_desk(settings))
            return build_console(desk, PAGES, ACTS, mounts=[Mount("/api/v1", build_api(desk, ACTS))])

        app = Waiting(make, sys.stderr.write)
        handed = await _listening(path.with_name(HANDED))
        asked = await _listening(path)  # last: the switch takes it for the sign that all is there
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_handed, app, handed)
            nursery.start_soon(serve_connections, app, [asked])
            await _until_left_alone()
            nursery.cancel_scope.cancel()


async def _listening(path: Path) -> trio.SocketListener:
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(path))
    listening.listen(128)
    return trio.SocketListener(listening)


async def _until_left_alone() -> None:
    """Wait for the end of standard input: the switch is gone."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        with suppress(trio.BrokenResourceError):
            while await stdin.receive_some(1024):
                pass
