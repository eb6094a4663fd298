"""Tokens: who is let in, as what, until when; made and revoked by officers."""

from __future__ import annotations

from typing import Final

from switch.console.visit import Page, Shown, Visit
from switch.office.acts import number_of
from switch.office.roles import ALLOWED, Permission, Role
from switch.office.tokens import DAYS_MAX, NAME_MAX, list_tokens

PAGE_ROWS: Final = 50
_ROLES: Final = (Role.VIEWER, Role.OPERATOR, Role.OFFICER, Role.FINANCE)


def tokens(visit: Visit) -> Shown:
    """List tokens, the newest first, with the form that makes one."""
    before = visit.query.get("before", "")
    with visit.desk.database.reading() as connection:
        found = list_tokens(
            connection, visit.desk.clock(), limit=PAGE_ROWS + 1, before_id=number_of(before) if before else None
        )
    shown = found[:PAGE_ROWS]
    facts = {
        "tokens": shown,
        "roles": {str(role): [str(each) for each in Permission if role in ALLOWED[each]] for role in _ROLES},
        "name_max": NAME_MAX,
        "days_max": DAYS_MAX,
        "older": f"/tokens?before={shown[-1].token_id}" if len(found) > PAGE_ROWS else "",
    }
    return Shown("tokens.html", facts)


PAGES: Final = (Page("/tokens", tokens, Permission.TOKENS),)
