"""``switch capture``: recorded messages, whoever recorded them: made into captures, looked at, cut, merged."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switch.capture.entry import Entry
    from switch.capture.faults import CaptureCut
    from switch.capture.files import Head
    from switch.capture.losses import Losses
    from switch.capture.saving import Draft, Saved
    from switch.capture.source import Source
    from switch.capture.tokenising import Tokeniser

capture_app = typer.Typer(help="Make, look at, cut and merge captures of messages.", no_args_is_help=True)

In = Annotated[
    Path, typer.Argument(metavar="IN", help="A capture, pcap, pcapng, jPOS log or hexadecimal lines; gzip or not.")
]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="The capture to write; packed where its name ends in .gz.")]
OfDialect = Annotated[
    str,
    typer.Option("--dialect", metavar="D", help="What is spoken, e.g. iso8583-1987-ascii; a capture names its own."),
]
HostPort = Annotated[
    int, typer.Option("--host-port", metavar="PORT", min=0, max=65535, help="Of a pcap: only connections to this port.")
]
_WRONG_FILE = 2
_CANNOT_WRITE = 3


@capture_app.command()
def convert(
    source: In,
    target: Out,
    dialect: OfDialect = "",
    host_port: HostPort = 0,
    tokenise: Annotated[
        bool, typer.Option("--tokenise", help="Replace card numbers; leave PIN blocks and MACs out.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="K", help="64 hexadecimal digits: same key, same replacements.")
    ] = None,
) -> None:
    """Make a capture of any recording, with --tokenise one without real cards.

    Exit status 1: a card number was left, so nothing is written. 2: IN is wrong; what is whole before a cut is kept.
    """
    from dataclasses import replace

    from switch.capture.reading import read_any

    if tokenise != (key_file is not None):
        raise OperatorError("--tokenise and --key-file K go together")
    tokeniser = _tokeniser(key_file) if key_file else None
    with read_any(source, dialect, host_port=host_port) as recording, _writing(target) as draft:
        if tokeniser is not None and recording.head.tokenised:
            raise OperatorError(f"{source}: is tokenised already")
        head = replace(_head(recording), tokenised=tokeniser is not None or recording.head.tokenised)
        saved = _saved(recording if tokeniser is None else _tokenised(recording, tokeniser), draft, head)
        if tokeniser is not None:
            _prove(draft, tokeniser, saved)
        draft.keep()
        _tell_saved(target, saved, recording.losses)


@capture_app.command()
def info(source: In, dialect: OfDialect = "", host_port: HostPort = 0) -> None:
    """Tell what a recording holds: who said what how often, when, how fast. Shows no card data.

    Exit status 2: the file is wrong, ends in the middle, or is of another dialect; what could be read is told first.
    """
    from switch.capture.faults import CaptureFault
    from switch.capture.reading import read_any
    from switch.capture.summary import Summary
    from switch.tools.capture_page import lines

    summary = Summary()
    wrong: CaptureFault | None = None
    with read_any(source, dialect, host_port=host_port) as recording:
        try:
            for entry in recording:
                summary.add(entry)
        except CaptureFault as fault:
            wrong = fault
        if summary.messages or wrong is None:
            for line in lines(source, recording.head, summary, recording.losses):
                typer.echo(line)
    foreign = summary.foreign_dialect()
    if foreign:
        raise OperatorError(f"{source}: none of its messages is one of {foreign}: another dialect?")
    if wrong is not None:
        raise wrong


@capture_app.command()
def cut(
    source: In,
    target: Out,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="From this time on: 2026-11-21T13:00:00Z, or seconds since 1970.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Up to this time, not included.")] = "",
    connection: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this connection; may be repeated.")
    ] = None,
    mti: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="Only messages of this type; may be repeated.")
    ] = None,
    first: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first N messages of these.")] = None,
    dialect: OfDialect = "",
    host_port: HostPort = 0,
) -> None:
    """Write a part of a recording."""
    from switch.capture.reading import read_any
    from switch.capture.selecting import Selection, selected

    for one in mti or ():
        if not (one.isascii() and one.isdecimal() and len(one) == 4):  # noqa: PLR2004 - ISO 8583-1 clause 4.1
            raise OperatorError("--mti takes four digits, like 0200")
    selection = Selection(
        _time(since, "--since") or 0, _time(until, "--until"), frozenset(connection or ()), frozenset(mti or ()), first
    )
    with read_any(source, dialect, host_port=host_port) as recording, _writing(target) as draft:
        if selection.message_types and not recording.head.dialect:
            raise OperatorError(f"{source}: does not say which dialect was spoken; name it with --dialect")
        saved = _saved(selected(recording, selection), draft, _head(recording))
        draft.keep()
        _tell_saved(target, saved, recording.losses)


@capture_app.command()
def merge(
    files: Annotated[
        list[Path], typer.Argument(metavar="IN IN... OUT", help="Recordings, and the capture to write at the end.")
    ],
    dialect: OfDialect = "",
    host_port: HostPort = 0,
) -> None:
    """Write several recordings as one, by time. Connections are renamed 1/..., 2/... by file."""
    from switch.capture.merging import merged, merged_head
    from switch.capture.reading import read_any

    *sources, target = files
    if len(sources) < 2:  # noqa: PLR2004 - one is no merger
        raise OperatorError("merge takes two recordings or more, and the capture to write")
    with ExitStack() as opened, _writing(target) as draft:
        recordings = [opened.enter_context(read_any(path, dialect, host_port=host_port)) for path in sources]
        cuts: list[CaptureCut] = []
        saved = _saved(merged(recordings, cuts), draft, merged_head(recordings))
        saved.cut = next(iter(cuts), None)
        draft.keep()
        _tell_saved(target, saved, *(recording.losses for recording in recordings))


# --- writing -------------------------------------------------------------------------------------------------


@contextmanager
def _writing(target: Path) -> Iterator[Draft]:
    """Hold a draft of ``target``; what cannot be written ends the command with exit status 3."""
    from switch.capture.saving import Draft

    try:
        with Draft(target) as draft:
            yield draft
    except OSError as error:
        typer.echo(f"switch: {target}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(_CANNOT_WRITE) from None


def _saved(entries: Iterable[Entry], draft: Draft, head: Head) -> Saved:
    from switch.capture.saving import save

    return save(entries, draft.path, head)


def _head(recording: Source) -> Head:
    """Return the head of what is made of a recording: its own, but made by this program."""
    from switch.capture.files import Head

    return Head(dialect=recording.head.dialect, tokenised=recording.head.tokenised)


def _tell_saved(target: Path, saved: Saved, *losses: Losses) -> None:
    typer.echo(f"{target}: {saved.messages} messages, {saved.entries - saved.messages} openings and ends")
    for one in losses:
        for line in one.told():
            typer.echo(f"switch: {line}", err=True)
    if saved.cut is not None:
        typer.echo(f"switch: {saved.cut}; all before it is in {target}", err=True)
        raise typer.Exit(_WRONG_FILE)


def _time(text: str, option: str) -> int | None:
    from switch.capture.hex_lines import microseconds

    if not text:
        return None
    try:
        return microseconds(text)
    except ValueError:
        raise OperatorError(f"{option}: a time is 2026-11-21T13:00:00Z, or seconds since 1970") from None


# --- tokenising ----------------------------------------------------------------------------------------------


def _tokeniser(key_file: Path) -> Tokeniser:
    from switch.capture.token_key import read_token_key
    from switch.capture.tokenising import Tokeniser

    return Tokeniser(read_token_key(key_file))


def _tokenised(entries: Iterable[Entry], tokeniser: Tokeniser) -> Iterator[Entry]:
    """Yield what could be tokenised. Raises `OperatorError` for more cards than the proof can hold."""
    for entry in entries:
        try:
            made = tokeniser.entry(entry)
        except OverflowError:
            raise OperatorError(
                f"more than {tokeniser.cards} different cards: cut the recording and tokenise its parts (same key)"
            ) from None
        if made is not None:
            yield made


def _prove(draft: Draft, tokeniser: Tokeniser, saved: Saved) -> None:
    """Look through what was written for cards that were replaced; a leftover ends the command, nothing is kept."""
    from switch.capture.proof import leftovers_in

    dropped = sum(tokeniser.dropped.values())
    if dropped and not tokeniser.frames:
        raise OperatorError(f"none of its {dropped} messages can be read: another dialect? Nothing is written")
    left = leftovers_in(draft.path, tokeniser.leftovers)
    if left:
        forms = ", ".join(f"{form}: {count}" for form, count in left.items())
        typer.echo(f"switch: {sum(left.values())} card number(s) left ({forms}); nothing is written", err=True)
        raise typer.Exit(1)
    typer.echo(f"{tokeniser.cards} cards replaced; none of them is left in {saved.messages} messages")
    for why, count in tokeniser.dropped.items():
        typer.echo(f"switch: {count} message(s) left out: {why}", err=True)
