"""``switch host``: a host that answers by a script, to test clients and links without a bank."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.clock import wall_clock
from switch.errors import ConfigurationError, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from switch.tools.host import Counts, SimulatedHost, Told
    from switch.tools.host_script import Script
    from switch.wire.dialect import Dialect
    from switch.wire.framing import Framing

_CANNOT_LISTEN: Final = 3
_BACKLOG: Final = 1024
_DEEDS: Final = ("answer", "drop", "half", "garbage", "duplicate", "late")


def host(
    dialect: Annotated[str, typer.Option("--dialect", metavar="D", help="What it speaks, e.g. iso8583-1987-ascii.")],
    script: Annotated[
        str, typer.Option("--script", metavar="FILE", help="A script, or a built-in one: approve-all, flaky.")
    ] = "approve-all",
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 is any free one.")
    ] = "127.0.0.1:0",
    mac_key: Annotated[
        Path | None,
        typer.Option("--mac-key", metavar="FILE", help="One test key for all MACs: 16 or 32 hex digits, mode 0600."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="A line for each message, card data masked.")] = False,
) -> None:
    """Answer by rule, late, twice, half or not at all: a host without a bank.

    Runs until Ctrl-C, then tells what it did by rule.

    Exit status: 0, 2 for a script or option that is wrong, 3 where it cannot
    listen.
    """
    from rich.console import Console

    from switch.tools.host import SimulatedHost
    from switch.tools.host_mac import read_mac
    from switch.tools.host_rules import HostRules
    from switch.tools.host_script import load_script
    from switch.wire.codec import Codec
    from switch.wire.dialect import load_dialect

    console = Console(highlight=False, markup=False)
    spoken = load_dialect(dialect)
    path, told = load_script(script)
    rules = HostRules(told, spoken, wall_clock, path)
    mac = read_mac(mac_key, spoken) if mac_key is not None else None
    watch = _watch(spoken) if verbose else None
    complain = _say if verbose else None
    simulated = SimulatedHost(rules, Codec(spoken), _framing(path, told, spoken), mac, watch, complain)
    with closing(_listening(console, listen)) as listening:
        address, port = listening.getsockname()[:2]
        _say(f"listening on {f'[{address}]' if ':' in address else address}:{port}")
        _run(simulated, listening)
    console.print(_table(rules.names, simulated.counts))
    for line in _others(simulated.counts):
        console.print(line)


def _listening(console: Console, listen: str) -> socket.socket:
    """Open the socket; exit status 3 where that cannot be."""
    from switch.config import Address

    try:
        address = Address.parse(listen)
    except ValueError as error:
        raise OperatorError(f"--listen {error}") from None
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        console.print(f"cannot listen on {listen}: {error.strerror or error}")
        raise typer.Exit(_CANNOT_LISTEN) from None
    listening.setblocking(False)
    return listening


def _framing(path: Path, script: Script, dialect: Dialect) -> Framing:
    """The dialect's preset with what the script does otherwise."""
    changes = script.framing.model_dump(exclude_none=True)
    if "trailer" in changes:
        changes["trailer"] = bytes.fromhex(changes["trailer"])
    try:
        return replace(dialect.framing, **changes)
    except ValueError as error:
        raise ConfigurationError(f"{path}: framing: {error}") from None


def _run(simulated: SimulatedHost, listening: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import trio

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                nursery.start_soon(simulated.run, listening)
                async for _ in signals:
                    nursery.cancel_scope.cancel()
                    break

    trio.run(main)


# --- what is told -----------------------------------------------------------------------------------------


def _say(line: str) -> None:
    """Write a line at once, also into a pipe: whoever waits for the port reads it there."""
    print(line, flush=True)  # noqa: T201 - rich is too slow for a line per message


def _watch(dialect: Dialect) -> Callable[[Told], None]:
    """What writes a line for each message: time, message, card, amount, rule and answer."""
    from switch.messages.paths import role_getter
    from switch.tools.describe import printable
    from switch.wire.masking import shown

    get = {role: role_getter(dialect, role) for role in ("stan", "pan", "amount", "terminal")}

    def write(told: Told) -> None:
        fields, plan = told.fields, told.plan
        card = shown(get["pan"](fields), "pan") or "-"
        words = f"{time.strftime('%H:%M:%S')} {told.peer} {fields[0]} {plan.kind or 'unknown'} #{get['stan'](fields)}"
        about = f"{shown(get['terminal'](fields), 'free')} {card} {get['amount'](fields) or '-'}"
        code = plan.answer.get(39, "-") if plan.answer is not None else "-"
        late = f" in {plan.delay_s * 1000:.0f} ms" if plan.delay_s else ""
        closes = ", then closes" if plan.close else ""
        _say(printable(f"{words} {about} -> {plan.rule}: {plan.do} {code}{late}{closes}"))

    return write


def _table(names: tuple[str, ...], counts: Counts) -> Table:
    from rich.table import Table

    others = {rule for rule, _ in counts.by_rule} - set(names)
    done = [deed for deed in _DEEDS if any(deed == one for _, one in counts.by_rule)]
    table = Table(box=None, pad_edge=False)
    table.add_column("rule")
    for deed in ("messages", *done):
        table.add_column(deed, justify="right")
    for name in (*names, *sorted(others)):
        by_deed = [counts.by_rule[name, deed] for deed in done]
        table.add_row(name, f"{sum(by_deed)}", *(f"{number}" if number else "" for number in by_deed))
    return table


def _others(counts: Counts) -> list[str]:
    """What came besides messages that a rule took, one line each where there was any."""
    told = {
        "connections": counts.connections,
        "keep-alives, sent back": counts.keep_alives,
        "streams that cannot be cut into frames, closed": counts.not_framed,
        "frames that do not decode, not answered": counts.not_decoded,
        "messages that are answers themselves, not answered": counts.not_requests,
        "answers that the dialect cannot write": counts.not_encoded,
        "not answered, because too many were waiting": counts.not_waited,
        "messages on connections that fell silent": counts.muted,
    }
    return [f"{number} {words}" for words, number in told.items() if number]
