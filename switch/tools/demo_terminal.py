"""The demo's terminal that has keys: it signs on, sells, is tampered with, settles its batch, and signs off."""

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
from switch.tools.unionpay_batch import SETTLE
from switch.tools.unionpay_day import FRESH, PROBE, SALE, SIGN_OFF, SIGN_ON, UNION, VISA, VOID
from switch.tools.unionpay_messages import message
from switch.wire.dialect import load_dialect

DIALECT: Final = "unionpay-pos"
MERCHANT: Final = "MERCHANT0000001"
_TERMINAL: Final = "TERM0007"
"""Not the script's: nobody else's transactions are in its batch."""

_CHIPPED: Final = "6200000000000013"
"""A chip whose counter begins where the clock says: what came before that is a replay. So it is none of the cards that
somebody who tries the demo by hand would take first.
"""

# fmt: off
_STEPS: Final = (
    #    name      says                     form     card   shown         trick         minor  about   then
    Step("fresh", "a fresh batch",         FRESH),
    Step("on",    "sign-on for new keys",  SIGN_ON),
    Step("look",  "balance, by chip",      PROBE,   UNION, Shown.CHIP),
    Step("chip",  "sale 21.00, by chip",   SALE,    UNION, Shown.CHIP,   Trick.NONE,   2100,  "",     Move.SALE),
    Step("forged","its MAC altered",       SALE,    UNION, Shown.CHIP,   Trick.FORGED, 2100,  "",     "A0"),
    Step("typed", "sale 9.00, typed",      SALE,    VISA,  Shown.TYPED,  Trick.NONE,    900,  "",     Move.SALE),
    Step("meal",  "sale 12.00, swiped",    SALE,    UNION, Shown.SWIPED, Trick.NONE,   1200,  "",     Move.SALE),
    Step("void",  "void of the 12.00",     VOID,    UNION, Shown.SWIPED, Trick.NONE,   1200,  "meal", Move.CANCEL),
    Step("sum",   "settlement",            SETTLE),
    Step("off",   "sign-off",              SIGN_OFF),
)
# fmt: on


async def play_protected(host: str, port: int, zone: ZoneInfo) -> list[Line]:
    """Play the steps against a running demo; every answer is checked as terminals and chips do."""
    dialect = load_dialect(DIALECT)
    served = load_cards(specs_directory() / "demo" / "day.toml").cards
    now = datetime.now(zone)
    union = served[UNION].model_copy(update={"pan": _CHIPPED})
    cards = {UNION: SimulatedCard(union, likely_counter(now)), VISA: SimulatedCard(served[VISA])}
    terminal = Terminal(dialect, _TERMINAL, MERCHANT, DEMO_TERMINAL_MASTER, first_stan(now))
    async with open_line(dialect, host, port) as line:
        return await Play(Script(_STEPS, message), terminal, line, cards, lambda: datetime.now(zone)).run()
