"""Changes to cards, terminals and merchants: their states, their limits, wrong PINs, what a terminal is asked to do."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import sqlalchemy as sa
from pydantic import BeforeValidator, Field

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.cards import move_card, reset_pin_tries, set_card_limits
from switch.ledger.merchants import move_merchant
from switch.ledger.moves import CARD_MOVES, MERCHANT_MOVES, TERMINAL_MOVES, Move
from switch.ledger.terminals import ask_nothing, ask_terminal, move_terminal
from switch.office.acts import Act, Arguments, Asked, Changed, Desk, Make, Minor, Nothing, number_of
from switch.office.roles import Permission

_LIMITS: Final = ("single_limit_minor", "daily_limit_minor", "daily_count")
_NONE: Final = BeforeValidator(lambda typed: None if typed == "none" else typed)


class CardLimits(Arguments):
    """Limits of a card: one that is not named stays, None takes it away (in a form, the word "none")."""

    single_limit_minor: Annotated[Minor | None, _NONE] = None
    daily_limit_minor: Annotated[Minor | None, _NONE] = None
    daily_count: Annotated[Annotated[int, Field(ge=0, le=1_000_000)] | None, _NONE] = None


class Because(Arguments):
    """Why a terminal is locked: kept with the terminal."""

    because: Annotated[str, Field(max_length=200)] = ""


class Errand(Arguments):
    """What a terminal is told to do at its next message; "nothing" takes back what it was to be told."""

    what: Literal["parameters", "ca_keys", "aids", "software", "sign_on", "status", "nothing"]


def pan_key_of(connection: sa.Connection, card_id: str) -> bytes:
    """Return by what the ledger finds the card of this id. Raises `NotInBooks`."""
    card = schema.card
    found = connection.execute(sa.select(card.c.pan_key).where(card.c.card_id == number_of(card_id))).scalar()
    if found is None:
        raise NotInBooks(f"card {card_id} is not in the books")
    return bytes(found)


def card_id_of(connection: sa.Connection, pan_key: bytes) -> int:
    """Return the id of the card that the ledger finds by ``pan_key``. Raises `NotInBooks`."""
    card = schema.card
    found = connection.execute(sa.select(card.c.card_id).where(card.c.pan_key == pan_key)).scalar()
    if found is None:
        raise NotInBooks("the card is not in the books")
    return int(found)


# --- states ------------------------------------------------------------------------------------------------


def _card_mover(move: Move) -> Make:
    def make(_desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
        before = move_card(connection, pan_key_of(connection, asked.key), move)
        return Changed({"status": before}, {"status": move.to})

    return make


def _terminal_mover(move: Move) -> Make:
    def make(_desk: Desk, connection: sa.Connection, asked: Asked[Because]) -> Changed:
        because = asked.arguments.because
        before = move_terminal(connection, asked.key, move, because)
        return Changed({"status": before}, {"status": move.to} | ({"because": because} if because else {}))

    return make


def _merchant_mover(move: Move) -> Make:
    def make(_desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
        before = move_merchant(connection, asked.key, move)
        return Changed({"status": before}, {"status": move.to})

    return make


# --- the rest ----------------------------------------------------------------------------------------------


def _limit_card(_desk: Desk, connection: sa.Connection, asked: Asked[CardLimits]) -> Changed:
    limits = asked.arguments.model_dump(exclude_unset=True)
    if not limits:
        raise OperatorError(f"name at least one limit: {', '.join(_LIMITS)}")
    before = _limits_of(connection, asked.key)
    set_card_limits(connection, pan_key_of(connection, asked.key), limits)
    return Changed({name: before[name] for name in limits}, limits)


def _goes_far(desk: Desk, connection: sa.Connection, asked: Asked[CardLimits]) -> bool:
    """Whether an amount is raised, or its limit taken away, beyond what one officer may allow alone."""
    before = _limits_of(connection, asked.key)
    return any(
        _height(after) > max(_height(before[name]), desk.limit_of_one_minor)
        for name, after in asked.arguments.model_dump(exclude_unset=True).items()
        if name.endswith("_minor")
    )


def _height(limit: object) -> float:
    return float("inf") if limit is None else float(str(limit))


def _limits_of(connection: sa.Connection, card_id: str) -> dict[str, object]:
    card = schema.card
    found = connection.execute(
        sa.select(*(card.c[name] for name in _LIMITS)).where(card.c.card_id == number_of(card_id)).with_for_update()
    ).first()
    if found is None:
        raise NotInBooks(f"card {card_id} is not in the books")
    return dict(zip(_LIMITS, found, strict=True))


def _reset_pin(_desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    before = reset_pin_tries(connection, pan_key_of(connection, asked.key))
    return Changed({"pin_tries": before}, {"pin_tries": 0})


def _ask(_desk: Desk, connection: sa.Connection, asked: Asked[Errand]) -> Changed:
    what = asked.arguments.what
    if what == "nothing":
        return Changed({"pending": " ".join(ask_nothing(connection, asked.key))}, {"pending": ""})
    return Changed({}, {"pending": " ".join(ask_terminal(connection, asked.key, what))})


_PARTIES: Final = Permission.CHANGE_PARTIES

PARTY_ACTS: Final = (
    *(Act(f"card.{m.verb}", "card", _PARTIES, Nothing, _card_mover(m)) for m in CARD_MOVES),
    *(Act(f"terminal.{m.verb}", "terminal", _PARTIES, Because, _terminal_mover(m)) for m in TERMINAL_MOVES),
    *(Act(f"merchant.{m.verb}", "merchant", _PARTIES, Nothing, _merchant_mover(m)) for m in MERCHANT_MOVES),
    Act("card.limits", "card", Permission.RAISE_LIMITS, CardLimits, _limit_card, needs_two=_goes_far),
    Act("card.reset_pin", "card", _PARTIES, Nothing, _reset_pin),
    Act("terminal.ask", "terminal", _PARTIES, Errand, _ask),
)
