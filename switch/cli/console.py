"""``switch console``: the operators' pages, for the switch that starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def console(socket: Annotated[Path, typer.Option("--socket", help="Where to listen: a Unix socket.")]) -> None:
    """Serve the console for the switch whose settings come on standard input. The switch starts it by itself."""
    from switch.console.serving import serve_console

    serve_console(socket)
