"""A bounded load with all in it that dashboards show: sales, declines, reversals, repeats, wrong MACs, bad frames."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import trio

from observability.installation import Installation
from switch.tools.demo import play

GRACE_S: Final = 60.0
"""How much longer than its load a process may take, on a machine that has other work."""


async def play_script(installation: Installation) -> None:
    """Send the demo's script: it has a decline of many sorts in it, cancels, a settlement."""
    await play(installation.settings, installation.running.listeners)


async def load_for(installation: Installation, duration_s: float, rate: float) -> None:
    """Load both listeners: purchases at one; at the other a day's mix, then every fault there is.

    One after the other, because both take the same terminals, and each sign-on gives a terminal other keys.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_play, installation, "iso8583", ("purchase",), duration_s, rate)
        nursery.start_soon(_play, installation, "unionpay", ("unionpay-day", "abuse"), duration_s / 2, rate)


async def ask_for_pages(installation: Installation) -> int:
    """Ask the console for its first page, which begins it; the status."""
    return await trio.to_thread.run_sync(_page, f"https://{installation.admin}/", installation.certificate)


async def audited(config: Path) -> None:
    """Have the books audited by the command, as an operator's timer would."""
    await _run(["audit", "--config", str(config)], GRACE_S)


async def _play(
    installation: Installation, listener: str, scenarios: Sequence[str], duration_s: float, rate: float
) -> None:
    address = "{}:{}".format(*installation.running.listeners[listener])
    options = ["--to", address, "--duration", f"{duration_s:g}", "--rate", f"{rate:g}"]
    for scenario in scenarios:
        await _run(["load", scenario, *options], duration_s + GRACE_S)


async def _run(arguments: Sequence[str], deadline_s: float) -> None:
    """Run a command of the switch, whatever comes of it; it ends at its deadline, and with whoever runs it."""
    with trio.move_on_after(deadline_s):
        await trio.run_process(
            [sys.executable, "-m", "switch", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def _page(address: str, certificate: Path) -> int:
    trust = ssl.create_default_context(cafile=certificate)
    with urlopen(address, timeout=GRACE_S, context=trust) as answer:  # noqa: S310 - our own address
        return int(answer.status)
