"""The options of ``switch replay``, each with what its help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

AS_RECORDED: Final = "as-recorded"

Recording = Annotated[Path, typer.Argument(metavar="FILE", help="A capture, pcap, jPOS log or lines of hex.")]
To = Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The host.")]
OfDialect = Annotated[
    str, typer.Option("--dialect", metavar="D", help="What it speaks (default: as the capture says).")
]
Speed = Annotated[str | None, typer.Option(metavar="1x|10x|max", help="How fast; max: see --in-flight.")]
Rate = Annotated[float | None, typer.Option(metavar="TPS", min=0.001, help="So many a second instead, evenly.")]
Connections = Annotated[str, typer.Option(metavar="N|as-recorded", help="N: each terminal keeps to one of them.")]
InFlight = Annotated[
    int, typer.Option("--in-flight", metavar="N", min=1, help="With --speed max: messages under way at once.")
]
Duration = Annotated[
    float | None, typer.Option(metavar="SECONDS", min=0.001, help="Send no longer, the warm-up aside.")
]
WarmUp = Annotated[float, typer.Option("--warm-up", metavar="SECONDS", min=0, help="Sent, but not counted.")]
Loop = Annotated[bool, typer.Option("--loop", help="Begin again at the end, until --duration or Ctrl-C.")]
Rewrite = Annotated[str, typer.Option(metavar="LIST", help="Make anew: stan, rrn, dates, batch, mac.")]
Keys = Annotated[
    Path | None, typer.Option(metavar="FILE", help="For mac: 64 hex digits, terminals' master key and MAC key.")
]
SignOn = Annotated[
    bool | None,
    typer.Option("--sign-on/--no-sign-on", help="Every terminal first (default: where keys are given out)."),
]
Deadline = Annotated[float, typer.Option(metavar="SECONDS", min=0.001, help="An answer that takes longer is late.")]
Ignore = Annotated[
    str, typer.Option(metavar="FIELDS", help="Not compared, with 12, 13, 37, 38, 64, 128 and what is rewritten.")
]
AllowDifferences = Annotated[int, typer.Option("--allow-differences", metavar="N", min=0, help="Exit status 1 beyond.")]
AllowErrors = Annotated[
    int, typer.Option("--allow-errors", metavar="N", min=0, help="Late, missing, stray answers: 1 beyond.")
]
Ledger = Annotated[
    str, typer.Option(metavar="URL", help="The switch's database: audit it, and find every approval in it.")
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Where terminals keep their time, for --rewrite dates.")]
Report = Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the results as a page.")]
Json = Annotated[Path | None, typer.Option(metavar="FILE.json", help="And as JSON.")]
