"""``switch demo``: everything at once, on this machine, with its own small books."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.audit import audit_and_print
from switch.cli.setup import SETTINGS_FILE, install, settings_text

if TYPE_CHECKING:
    from switch.config import Settings

_DATABASE: Final = "sqlite:///switch.sqlite3"


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the audit: 0 only if every answer was the expected one.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the books are kept (default: a temporary folder).")
    ] = None,
    port_base: Annotated[
        int, typer.Option(min=1, max=65_531, help="Port of the admin pages; the listeners are at + 3 and + 4.")
    ] = 8580,
) -> None:
    """Set up a switch with demo data, send it messages of two dialects, settle a batch, show what it did."""
    from switch.app import run_loop
    from switch.tools.demo import load_data
    from switch.tools.demo_keys import load_demo_keys

    with _folder(directory) as folder:
        settings = _settings(folder, port_base)
        load_data(settings)
        load_demo_keys(settings)
        as_expected = run_loop(_show, settings, folder, once)
    if not as_expected:
        raise typer.Exit(1)


@contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="switch-demo-") as made:
        yield Path(made)


def _settings(folder: Path, port_base: int) -> Settings:
    """The demo's installation, made where it is not there yet, on the ports asked for now."""
    from switch.config import Address, load_settings

    file = folder / SETTINGS_FILE
    if not file.exists():
        install(folder, settings_text(_DATABASE, port_base=port_base, sign_on="optional"))
    settings = load_settings(file)
    ports = (port_base + 3, port_base + 4)
    listeners = tuple(
        listener.model_copy(update={"bind": Address(listener.bind.host, port)})
        for listener, port in zip(settings.listeners, ports, strict=True)
    )
    admin = settings.admin.model_copy(update={"bind": Address(settings.admin.bind.host, port_base)})
    log = settings.log.model_copy(update={"level": "error"})  # the table says what happened
    return settings.model_copy(update={"listeners": listeners, "admin": admin, "log": log})


async def _show(settings: Settings, folder: Path, once: bool) -> bool:
    """Serve, play, show the statement, audit; stay up unless ``once``. Returns whether all went as expected."""
    import trio
    from rich.console import Console

    from switch import app
    from switch.tools.demo import play, statement, table

    console = Console()
    async with trio.open_nursery() as nursery:
        running = await nursery.start(partial(app.run, settings, apart=settings.ledger.own_process))
        console.print(_introduction(settings), highlight=False)
        lines = await play(settings, running.listeners)
        console.print(table(lines))
        console.print("\nIf the business day ended now, its merchant's statement would be:\n", highlight=False)
        console.print(await trio.to_thread.run_sync(statement, settings), highlight=False, markup=False)
        console.print("The audit of the books:")
        sound = await trio.to_thread.run_sync(audit_and_print, settings, console)
        as_expected = sound and all(line.as_expected for line in lines)
        console.print("demo ready" if as_expected else "[red]not as expected[/red]")
        if not once:
            tokens = await trio.to_thread.run_sync(_tokens, settings)
            console.print(_by_hand(settings, folder, tokens), highlight=False)
            await _until_interrupted()
        running.drain()
    return as_expected


async def _until_interrupted() -> None:
    import signal

    import trio

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)


def _introduction(settings: Settings) -> str:
    doors = "\n".join(f"  {listener.bind}  {listener.dialect}" for listener in settings.listeners)
    return f"The switch listens, with demo data in its books:\n{doors}\n  {settings.admin.bind}  admin\n"


def _tokens(settings: Settings) -> dict[str, str]:
    """Make a token of each role for the console, good for a day."""
    from switch.cli.books import shell_actor
    from switch.office.all_acts import ACTS
    from switch.office.changes import make_change
    from switch.office.opening import open_desk

    create = ACTS["token.create"]
    with open_desk(settings) as desk:
        return {
            role: make_change(
                desk, shell_actor(), create, "token:new", {"name": f"demo {role}", "role": role, "days": 1}
            ).changed.shown["Token"]
            for role in ("operator", "officer", "finance")
        }


def _by_hand(settings: Settings, folder: Path, tokens: Mapping[str, str]) -> str:
    """What to try next; commands and tokens stand on lines of their own, to be copied."""
    file = folder / SETTINGS_FILE
    doors = "\n".join(f"  {role:<9}{token}" for role, token in tokens.items())
    return (
        f"\nThe operators' console: http://{settings.admin.bind}/\n"
        "Log in with one of these tokens; find the declined purchase of 3.00, read why,\n"
        "unfreeze the card as an operator:\n"
        f"{doors}\n"
        "\nTry it by hand, in another terminal:\n"
        f"  curl http://{settings.admin.bind}/metrics\n"
        f"  switch card show 4111111111111111 --config {file}\n"
        f"  switch card freeze 4111111111111111 --config {file}\n"
        f"  switch journal list --config {file}\n"
        f"  switch settlement batches --config {file}\n"
        f"  switch settlement cutover --config {file}\n"
        f"  switch audit --config {file}\n"
        "Ctrl-C ends the demo."
    )
