"""Runs a load with somebody looking on: a live line, Ctrl-C and SIGTERM that end it early and lose nothing."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import trio
    from rich.console import Console

    from switch.load.tallying import Tally

_LIVE_EVERY_S: Final = 0.25
_LINE_EVERY_S: Final = 10.0


async def watched(
    console: Console, run: Callable[[], Awaitable[None]], stop: Callable[[], None], tally: Tally, expected_s: float = 0
) -> bool:
    """Await ``run()``; whether it was ended early, by ``stop``. ``expected_s``: how long it ought to take, 0 unknown.

    A second signal ends it at once. What it raises comes out as it is.
    """
    import trio

    was_stopped = False
    failed: Exception | None = None

    async def stop_on_signal(task_status: trio.TaskStatus[None]) -> None:
        nonlocal was_stopped
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                if was_stopped:
                    nursery.cancel_scope.cancel()
                was_stopped = True
                stop()

    async with trio.open_nursery() as nursery:
        await nursery.start(stop_on_signal)
        nursery.start_soon(_look_on, console, tally, expected_s)
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - raised below, outside of the nursery and its groups of exceptions
            failed = error
        nursery.cancel_scope.cancel()
    if failed is not None:
        raise _alone(failed)
    return was_stopped


def _alone(error: Exception) -> Exception:
    """The one error that a group of one is about."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _look_on(console: Console, tally: Tally, expected_s: float) -> None:
    import trio

    if not console.is_terminal:
        while True:
            await trio.sleep(_LINE_EVERY_S)
            console.print(told(tally))
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = BarColumn(16) if expected_s else SpinnerColumn()
    columns = bar, TimeElapsedColumn(), TextColumn("{task.description}")
    progress = Progress(*columns, console=console, transient=True, auto_refresh=False)  # no thread beside the engine
    with progress:
        task = progress.add_task("", total=expected_s or None)
        while True:
            elapsed_s = tally.now().elapsed_s if expected_s else 0
            progress.update(task, description=told(tally), completed=elapsed_s, refresh=True)
            await trio.sleep(_LIVE_EVERY_S)


def told(tally: Tally) -> str:
    """How it is doing, in less than 60 columns."""
    now = tally.now()
    return f"{now.sent:,} sent  {now.throughput_per_s:,.0f}/s  p99 {now.p99_ms:,.1f} ms  {now.errors:,} errors"
