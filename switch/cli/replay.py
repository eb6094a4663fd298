"""``switch replay``: a capture's messages sent to a host again, timed, and its answers held against those recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from switch.cli.command_line import command_typed
from switch.cli.options import host_from
from switch.cli.replay_options import (
    AS_RECORDED,
    AllowDifferences,
    AllowErrors,
    Connections,
    Deadline,
    Duration,
    Ignore,
    InFlight,
    Json,
    Keys,
    Ledger,
    Loop,
    OfDialect,
    Rate,
    Recording,
    Report,
    Rewrite,
    SignOn,
    Speed,
    To,
    WarmUp,
    Zone,
)
from switch.errors import OperatorError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from switch.load.replay_run import ReplayRun, Wanted
    from switch.reports.results import Results

_CONNECTIONS_MAX: Final = 20_000
_COULD_NOT_RUN: Final = 3
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it
_SHOWN: Final = 10


def replay(
    capture: Recording,
    to: To,
    dialect: OfDialect = "",
    speed: Speed = None,
    rate: Rate = None,
    connections: Connections = AS_RECORDED,
    in_flight: InFlight = 64,
    duration: Duration = None,
    warm_up: WarmUp = 0.0,
    loop: Loop = False,
    rewrite: Rewrite = "",
    keys: Keys = None,
    sign_on: SignOn = None,
    deadline: Deadline = 10.0,
    ignore: Ignore = "",
    allow_differences: AllowDifferences = 0,
    allow_errors: AllowErrors = 0,
    ledger: Ledger = "",
    zone: Zone = "Asia/Shanghai",
    report: Report = None,
    json: Json = None,
) -> None:
    """Send a capture's messages to a host again, and compare its answers.

    Latency counts from when a message was due, not from when it could be sent:
    a host that stalls is not excused.

    Exit status: 0 held; 1 differences, errors, or books that do not agree; 2
    usage, or a capture of another dialect; 3 nobody listens, or a report cannot
    be written; 130 ended by Ctrl-C, with the reports written.
    """
    from switch.load.comparing import ignored_in
    from switch.load.pacing import speed_in
    from switch.load.replay_run import Wanted
    from switch.load.rewriting import names_in

    if speed is not None and rate is not None:
        raise OperatorError("--speed and --rate are two ways to say the same: give one of them")
    if loop and duration is None and not sys.stdout.isatty():
        raise OperatorError("--loop without --duration never ends; outside of a terminal, say how long")
    names = names_in(rewrite)
    if "mac" in names and keys is None:
        raise OperatorError("--rewrite mac needs --keys FILE")
    host, port = host_from(to)
    wanted = Wanted(
        capture=capture, host=host, port=port, dialect=dialect,
        speed=speed_in(speed or "1x"), rate_per_s=rate, connections=_connections(connections), in_flight=in_flight,
        duration_s=duration, warm_up_s=warm_up, deadline_s=deadline, loops=loop,
        rewrite=names, keys=keys, signs_on=sign_on, zone=_zone(zone),
        ignored=ignored_in(ignore), differences_max=allow_differences, errors_max=allow_errors, ledger=ledger,
    )  # fmt: skip
    raise typer.Exit(_replayed(wanted, report, json))


def _replayed(wanted: Wanted, report: Path | None, json: Path | None) -> int:
    """Run, tell, write; the exit status."""
    import trio
    from rich.console import Console

    from switch.cli.run_shown import written
    from switch.cli.watching import watched
    from switch.load.engine import NobodyListens
    from switch.load.replay_run import ReplayRun
    from switch.reports.verdict import verdict

    console, errors = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    fault: OperatorError | None = None
    was_stopped = False
    with ReplayRun(wanted) as run:
        try:
            expected_s = (wanted.duration_s or 0) and wanted.duration_s + wanted.warm_up_s
            was_stopped = trio.run(watched, errors, run.run, run.stop, run.tally, expected_s or 0)
        except NobodyListens as error:
            errors.print(f"switch: {error}", soft_wrap=True)
            return _COULD_NOT_RUN
        except OperatorError as error:  # the capture is broken further on: what was sent until then is told
            fault = error
        results = run.results(command_typed(), interrupted=was_stopped or fault is not None)
        _tell(console, run, results)
    is_written = written(errors, results, report, json)
    if fault is not None:
        errors.print(f"switch: {fault}", soft_wrap=True)
        return 2
    if not is_written:
        return _COULD_NOT_RUN
    return _INTERRUPTED if was_stopped else verdict(results).exit_status


# --- what is given -----------------------------------------------------------------------------------------


def _connections(text: str) -> int | None:
    if text == AS_RECORDED:
        return None
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= _CONNECTIONS_MAX:
        raise OperatorError(f"--connections wants a number from 1 to {_CONNECTIONS_MAX:,}, or {AS_RECORDED}")
    return int(text)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise OperatorError("--zone: no such time zone; write it like Asia/Shanghai or UTC") from None


# --- what is told ------------------------------------------------------------------------------------------


def _tell(console: Console, run: ReplayRun, results: Results) -> None:
    from switch.cli.run_shown import summary, wrapped

    for line in wrapped((*summary(results, is_compared=True), *(f"note: {note}" for note in run.notes()))):
        console.print(line, soft_wrap=True)
