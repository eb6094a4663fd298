"""What can be looked at: transactions, cards, merchants, terminals, days, changes, proposals, tokens."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Final

from switch.api import models
from switch.api.endpoint import Asked, Endpoint
from switch.ledger.cards import card_standing
from switch.ledger.merchants import merchant_standing
from switch.ledger.settlement_reports import list_days
from switch.ledger.terminals import terminal_standing
from switch.messages.actions import Action
from switch.messages.responses import load_responses
from switch.office.change_log import list_changes
from switch.office.changes import list_proposals
from switch.office.party_acts import card_id_of, pan_key_of
from switch.office.roles import Permission
from switch.office.tokens import list_tokens
from switch.office.transactions import Wanted, find_transactions, story_of
from switch.values import Pan

PAGE_ROWS: Final = 50
DAYS_MAX: Final = 400

_responses = cache(load_responses)


def transactions(asked: Asked) -> models.Page[models.TransactionLine]:
    """Find transactions, the newest first."""
    query: models.TransactionQuery = asked.query
    wanted = Wanted(query.terminal, query.merchant, query.card, query.kind, query.action, query.stan, query.rrn)
    with asked.desk.database.reading() as connection:
        found = find_transactions(connection, wanted, query.cursor)
    lines = [models.TransactionLine.model_validate(line) for line in found.lines]
    return models.Page(items=lines, next=found.next_id)


def transaction(asked: Asked) -> models.Transaction:
    """Show one transaction, and why it came out as it did."""
    with asked.desk.database.reading() as connection:
        story = story_of(connection, asked.where.number)
    entry = story.entry
    columns = {name: entry.columns[name] for name in models.Transaction.model_fields if name in entry.columns}
    return models.Transaction.model_validate(
        {
            **columns,
            "line": entry.line,
            "trace": entry.trace,
            "effects": entry.effects,
            "related": story.related,
            "explained": _explained(entry.line.action),
        },
        from_attributes=True,
    )


def _explained(action: str) -> models.Explained | None:
    try:
        return models.Explained.model_validate(_responses()[Action(action)])
    except ValueError:  # made by an import
        return None


def card(asked: Asked) -> models.Card:
    """Show one card."""
    desk, number = asked.desk, asked.where.number
    with desk.database.reading() as connection:
        standing = card_standing(connection, pan_key_of(connection, str(number)), desk.today())
    facts = asdict(standing) | {"card_id": number, "available_minor": standing.available_minor}
    return models.Card.model_validate(facts)


def find_card(asked: Asked) -> models.CardFound:
    """Find a card by its number."""
    pan = Pan(asked.body.pan)
    pan_key = asked.desk.vault.pan_key(pan)
    with asked.desk.database.reading() as connection:
        return models.CardFound(card_id=card_id_of(connection, pan_key), masked_pan=pan.masked)


def merchant(asked: Asked) -> models.Merchant:
    """Show one merchant."""
    with asked.desk.database.reading() as connection:
        return models.Merchant.model_validate(merchant_standing(connection, asked.where.name))


def terminal(asked: Asked) -> models.Terminal:
    """Show one terminal."""
    with asked.desk.database.reading() as connection:
        return models.Terminal.model_validate(terminal_standing(connection, asked.where.name))


def days(asked: Asked) -> models.Page[models.Day]:
    """List the latest business days."""
    with asked.desk.database.reading() as connection:
        found = list_days(connection, DAYS_MAX)
    return models.Page(items=[models.Day.model_validate(day) for day in reversed(found)])


def changes(asked: Asked) -> models.Page[models.Change]:
    """List the change log, the newest first."""
    query: models.ChangeQuery = asked.query
    with asked.desk.database.reading() as connection:
        found = list_changes(connection, limit=PAGE_ROWS + 1, before_id=query.cursor, target=query.target or None)
    lines = [models.Change.model_validate(change) for change in found[:PAGE_ROWS]]
    return models.Page(items=lines, next=lines[-1].change_id if len(found) > PAGE_ROWS else None)


def proposals(asked: Asked) -> models.Page[models.Proposal]:
    """List what waits for a second officer, or did."""
    with asked.desk.database.reading() as connection:
        found = list_proposals(connection, asked.desk.clock())
    return models.Page(items=[models.Proposal.model_validate(line) for line in found])


def tokens(asked: Asked) -> models.Page[models.Token]:
    """List who is let in."""
    with asked.desk.database.reading() as connection:
        found = list_tokens(connection, asked.desk.clock())
    return models.Page(items=[models.Token.model_validate(line) for line in found])


_M, _ByNumber, _ByName = models, models.OneByNumber, models.OneByName
_Log, _READ, _TOKENS = models.ChangeQuery, Permission.READ_CHANGES, Permission.TOKENS

# fmt: off
LOOKS: Final = (
    Endpoint("GET",  "/transactions",          transactions, _M.Page[_M.TransactionLine], query=_M.TransactionQuery),
    Endpoint("GET",  "/transactions/{number}", transaction,  _M.Transaction,              where=_ByNumber),
    Endpoint("POST", "/cards/find",            find_card,    _M.CardFound,                body=_M.CardWish),
    Endpoint("GET",  "/cards/{number}",        card,         _M.Card,                     where=_ByNumber),
    Endpoint("GET",  "/merchants/{name}",      merchant,     _M.Merchant,                 where=_ByName),
    Endpoint("GET",  "/terminals/{name}",      terminal,     _M.Terminal,                 where=_ByName),
    Endpoint("GET",  "/days",                  days,         _M.Page[_M.Day]),
    Endpoint("GET",  "/changes",               changes,      _M.Page[_M.Change],          _READ, query=_Log),
    Endpoint("GET",  "/proposals",             proposals,    _M.Page[_M.Proposal]),
    Endpoint("GET",  "/tokens",                tokens,       _M.Page[_M.Token],           _TOKENS),
)
# fmt: on
