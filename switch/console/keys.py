"""Keys, by their check values: terminals', issuers' and base derivation keys. Nothing else of a key is ever shown."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from switch.console.visit import Page, Shown, Visit
from switch.errors import OperatorError
from switch.ledger.key_store import shown_keys
from switch.office.key_acts import PAGE_ROWS, base_keys, issuer_keys, master_keys
from switch.office.roles import Permission

_TEXT_MAX: Final = 64


def keys(visit: Visit) -> Shown:
    """List keys: every terminal's master key, or all of one terminal's; issuers' and base keys."""
    terminal, after = visit.query.get("terminal", "").strip(), visit.query.get("after", "")
    if max(len(terminal), len(after)) > _TEXT_MAX:
        raise OperatorError(f"a terminal has at most {_TEXT_MAX} characters")
    with visit.desk.database.reading() as connection:
        found = shown_keys(connection, terminal) if terminal else master_keys(connection, after)
        is_first = not terminal and not after
        issuers = issuer_keys(connection) if is_first else []
        bases = base_keys(connection) if is_first else []
    is_more = not terminal and len(found) > PAGE_ROWS
    shown = found[:PAGE_ROWS]
    facts = {
        "keys": shown,
        "issuers": issuers,
        "bases": bases,
        "terminal": terminal,
        "more": f"/keys?after={quote(shown[-1].owner)}" if is_more else "",
    }
    return Shown("keys.html", facts)


PAGES: Final = (Page("/keys", keys, Permission.KEYS),)
