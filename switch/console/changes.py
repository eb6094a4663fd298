"""The audit log: who changed what, from what to what and why, and whether the record of it is whole."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa

from switch.console.visit import Page, Shown, Visit
from switch.errors import DatabaseError, OperatorError
from switch.office.acts import number_of
from switch.office.change_log import list_changes, newest_change, verify_changes
from switch.office.roles import Permission

PAGE_ROWS: Final = 50

VERIFIED_MAX: Final = 100_000
"""Changes whose chain is followed while somebody waits for the page: two seconds or so; more the command follows."""

_TEXT_MAX: Final = 100


class Check(NamedTuple):
    """What following the chain came to: ``broken`` says where it does not hold, "" that it does."""

    changes: int
    digest: str
    broken: str = ""
    is_too_long: bool = False


def changes(visit: Visit) -> Shown:
    """List changes, the newest first, of one target or by one actor; follow their chain if asked."""
    target, actor = (visit.query.get(name, "").strip() for name in ("target", "actor"))
    if max(len(target), len(actor)) > _TEXT_MAX:
        raise OperatorError(f"a target or a name has at most {_TEXT_MAX} characters")
    before = visit.query.get("before", "")
    with visit.desk.database.reading() as connection:
        found = list_changes(
            connection,
            limit=PAGE_ROWS + 1,
            before_id=number_of(before) if before else None,
            target=target or None,
            actor=actor or None,
        )
        check = followed(connection) if visit.query.get("verify") else None
    shown = found[:PAGE_ROWS]
    asked = {name: value for name, value in (("target", target), ("actor", actor)) if value}
    facts = {
        "changes": shown,
        "target": target,
        "actor": actor,
        "check": check,
        "older": f"/changes?{urlencode(asked | {'before': shown[-1].change_id})}" if len(found) > PAGE_ROWS else "",
    }
    return Shown("changes.html", facts)


def followed(connection: sa.Connection, at_most: int = VERIFIED_MAX) -> Check:
    """Follow the chain of changes, unless it is too long for somebody who waits."""
    newest = newest_change(connection)
    if newest > at_most:
        return Check(newest, "", is_too_long=True)
    try:
        verified = verify_changes(connection)
    except DatabaseError as error:
        return Check(newest, "", str(error))
    return Check(verified.changes, verified.digest.hex())


PAGES: Final = (Page("/changes", changes, Permission.READ_CHANGES),)
