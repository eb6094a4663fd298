"""The demo's terminal that has keys: it signs on, sells to a chip card, is tampered with, and signs off."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from switch.data_files import specs_directory
from switch.security.demo_keys import DEMO_TERMINAL_MASTER
from switch.tools.chip_counter import likely_counter
from switch.tools.day import Line, Play, Script, Shown, Step, Trick
from switch.tools.simulated_card import SimulatedCard, load_cards
from switch.tools.tally import Move
from switch.tools.terminal import Terminal, first_stan, open_line
from switch.tools.unionpay_day import SALE, SIGN_OFF, SIGN_ON, UNION
from switch.tools.unionpay_messages import message
from switch.wire.dialect import load_dialect

DIALECT: Final = "unionpay-pos"
_TERMINAL: Final = ("TERM0001", "MERCHANT0000001")

# fmt: off
_STEPS: Final = (
    #    name      says                     form     card   shown       trick         minor  about  then
    Step("on",    "sign-on for new keys",  SIGN_ON),
    Step("chip",  "sale 21.00, by chip",   SALE,    UNION, Shown.CHIP, Trick.NONE,   2100,  "",    Move.SALE),
    Step("forged","its MAC altered",       SALE,    UNION, Shown.CHIP, Trick.FORGED, 2100,  "",    "A0"),
    Step("off",   "sign-off",              SIGN_OFF),
)
# fmt: on


async def play_protected(host: str, port: int, zone: ZoneInfo) -> list[Line]:
    """Play the steps against a running demo; every answer is checked as terminals and chips do."""
    dialect = load_dialect(DIALECT)
    served = load_cards(specs_directory() / "demo" / "day.toml")
    now = datetime.now(zone)
    cards = {UNION: SimulatedCard(served.cards[UNION], likely_counter(now))}
    terminal = Terminal(dialect, *_TERMINAL, DEMO_TERMINAL_MASTER, first_stan(now))
    async with open_line(dialect, host, port) as line:
        return await Play(Script(_STEPS, message), terminal, line, cards, lambda: datetime.now(zone)).run()
