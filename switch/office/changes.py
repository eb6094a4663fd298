"""The one way in which anything is changed by a person: allowed, made, and written down, all in one commit.

An act that takes two officers is not made but proposed; another officer who may make it approves it, and then it is
made as if it were asked for at that moment. Nobody approves what they proposed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple
from unicodedata import normalize

import sqlalchemy as sa
from pydantic import ValidationError

from switch.errors import DatabaseError, NotInBooks, OperatorError
from switch.ledger.office_tables import proposal
from switch.office.acts import BECAUSE_MAX, Act, Arguments, Asked, Changed, Desk, key_of
from switch.office.change_log import log_change
from switch.office.roles import Actor, NotAllowedError, Role, check_allowed
from switch.values import Pan

_LONG_NUMBER: Final = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)", re.ASCII)

_NAMES_OF_THINGS: Final = frozenset({"certificate"})  # long numbers, one in ten of which could be a card's
_NUMBERED_LONG: Final = ("merchant:", "transaction:", "adjustment:", "discrepancy:")  # targets that are such numbers
_TARGET_MAX: Final = 200  # characters
_SEARCHED_MAX: Final = 4_096  # characters: no argument is longer
_TURN: Final = 0x7475_726E  # PostgreSQL: one change at a time ("turn")

PROPOSAL_LIFE_US: Final = 72 * 3_600_000_000
"""A proposal that nobody decided for so long is no longer what its officer saw."""


class Made(NamedTuple):
    """The change was made, or waits for a second officer (``proposal_id``; nothing has changed then)."""

    change_id: int
    changed: Changed
    proposal_id: int | None = None


class ProposalLine(NamedTuple):
    """A proposal as lists show it. ``state`` is open, made, refused or expired."""

    proposal_id: int
    what: str
    target: str
    arguments: dict[str, Any]
    because: str
    proposed_by: str
    proposed_at: int
    state: str
    decided_by: str


def make_change(  # the console's, the API's and the shell's only door
    desk: Desk,
    actor: Actor,
    act: Act,
    target: str,
    arguments: Mapping[str, object],
    because: str = "",
) -> Made:
    """Make a change, or propose it where it takes two (of those who have tokens).

    Raises `NotAllowedError` (the role), `OperatorError` and `NotInBooks` (what is asked), `DatabaseError`.
    """
    check_allowed(actor, act.permission)
    _check_words({"target": target, "because": because} | dict(arguments))
    asked = Asked(key_of(target, act.of), read_arguments(act.arguments, arguments), actor, because)
    with desk.database.writing() as connection:
        _take_turn(connection)
        if actor.role is not Role.OWNER and act.needs_two(desk, connection, asked):
            return _propose(desk, connection, act, target, asked, because)
        if not act.has_own_commit:
            return _make(desk, connection, act, target, asked, because)
    return _make_alone(desk, act, target, asked, because)


def read_arguments(model: type[Arguments], arguments: Mapping[str, object]) -> Arguments:
    """Read what an act is told. Raises `OperatorError` that names each wrong one, never its value."""
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        wrong = (
            f"{'.'.join(str(part) for part in one['loc']) or 'arguments'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise OperatorError("; ".join(wrong)) from None


def approve(desk: Desk, actor: Actor, acts: Mapping[str, Act], proposal_id: int) -> Made:
    """Make what another officer proposed. Raises as `make_change`, and where it is not open or one's own."""
    with desk.database.writing() as connection:
        _take_turn(connection)
        found = _open_proposal(connection, proposal_id, desk.clock())
        act = acts[found.what]
        check_allowed(actor, act.permission)
        if found.proposed_by == actor.name:
            raise NotAllowedError(f"{actor.name} proposed it: another officer has to approve")
        told = read_arguments(act.proposed or act.arguments, found.arguments)
        asked = Asked(key_of(found.target, act.of), told, actor, found.because)
        _decide(connection, proposal_id, "made", actor, desk.clock())
        because = f"proposal {proposal_id} of {found.proposed_by}: {found.because}"[: 2 * BECAUSE_MAX]
        if not act.has_own_commit:
            return _make(desk, connection, act, found.target, asked, because)
    return _make_alone(desk, act, found.target, asked, because)


def refuse(desk: Desk, actor: Actor, acts: Mapping[str, Act], proposal_id: int) -> None:
    """Turn a proposal down; its own officer may too. Raises as `approve`."""
    with desk.database.writing() as connection:
        found = _open_proposal(connection, proposal_id, desk.clock())
        check_allowed(actor, acts[found.what].permission)
        _decide(connection, proposal_id, "refused", actor, desk.clock())
        log_change(connection, actor, "proposal.refuse", f"proposal:{proposal_id}", at=desk.clock())


def list_proposals(connection: sa.Connection, now: int, *, limit: int = 100) -> list[ProposalLine]:
    """Return the newest proposals first; those that nobody decided in time are told as expired."""
    rows = connection.execute(sa.select(proposal).order_by(proposal.c.proposal_id.desc()).limit(limit))
    return [_line(row, now) for row in rows]


# --- how -----------------------------------------------------------------------------------------------------


def _make(desk: Desk, connection: sa.Connection, act: Act, target: str, asked: Asked[Any], because: str) -> Made:
    changed = act.make(desk, connection, asked)
    change_id = log_change(
        connection,
        asked.by,
        act.name,
        target,
        at=desk.clock(),
        before=changed.before,
        after=changed.after,
        because=because,
    )
    return Made(change_id, changed)


def _make_alone(desk: Desk, act: Act, target: str, asked: Asked[Any], because: str) -> Made:
    with desk.database.reading() as connection:
        act.find(connection, asked.key)
    with desk.database.writing() as connection:
        told = asked.arguments.model_dump(mode="json")
        log_change(connection, asked.by, f"{act.name}:begun", target, at=desk.clock(), after=told, because=because)
    try:
        with desk.database.reading() as connection:
            changed = act.make(desk, connection, asked)
    except OperatorError:
        with suppress(DatabaseError), desk.database.writing() as connection:
            log_change(connection, asked.by, f"{act.name}:refused", target, at=desk.clock(), because=because)
        raise
    with desk.database.writing() as connection:
        change_id = log_change(
            connection,
            asked.by,
            act.name,
            target,
            at=desk.clock(),
            before=changed.before,
            after=changed.after,
            because=because,
        )
    return Made(change_id, changed)


def _propose(desk: Desk, connection: sa.Connection, act: Act, target: str, asked: Asked[Any], because: str) -> Made:
    now = desk.clock()
    proposed = act.propose(asked)
    number = (connection.execute(sa.select(sa.func.max(proposal.c.proposal_id))).scalar() or 0) + 1
    told = proposed.arguments.model_dump(mode="json", exclude_unset=True)
    row = {
        "proposal_id": number,
        "what": act.name,
        "target": target,
        "arguments": json.dumps(told, sort_keys=True),
        "because": because,
        "proposed_by": asked.by.name,
        "proposed_at": now,
        "expires_at": now + PROPOSAL_LIFE_US,
    }
    connection.execute(sa.insert(proposal), [row])
    after = {"proposal": number, **told}
    change_id = log_change(connection, asked.by, f"{act.name}:proposed", target, at=now, after=after, because=because)
    return Made(change_id, Changed({}, after, proposed.shown), number)


def _open_proposal(connection: sa.Connection, proposal_id: int, now: int) -> ProposalLine:
    found = connection.execute(
        sa.select(proposal).where(proposal.c.proposal_id == proposal_id).with_for_update()
    ).first()
    if found is None:
        raise NotInBooks(f"there is no proposal {proposal_id}")
    line = _line(found, now)
    if line.state != "open":
        raise OperatorError(f"proposal {proposal_id} is {line.state}: propose it anew")
    return line


def _decide(connection: sa.Connection, proposal_id: int, state: str, actor: Actor, now: int) -> None:
    its = proposal.c.proposal_id == proposal_id
    decided = {"state": state, "decided_by": actor.name, "decided_at": now}
    connection.execute(sa.update(proposal).where(its).values(**decided))


def _line(row: sa.Row[Any], now: int) -> ProposalLine:
    return ProposalLine(
        row.proposal_id,
        row.what,
        row.target,
        json.loads(row.arguments),
        row.because,
        row.proposed_by,
        row.proposed_at,
        "expired" if row.state == "open" and row.expires_at <= now else row.state,
        row.decided_by,
    )


def _take_turn(connection: sa.Connection) -> None:
    """Let one change be made at a time: rows that changes add are numbered, and no two may find the same number.

    Taken before any row, and the change log's own lock after all of them, so that nobody waits in a circle.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))


def _check_words(words: Mapping[str, object]) -> None:
    """Refuse what no database keeps, and what nobody may keep. Raises `OperatorError` that never quotes it."""
    for name, said in words.items():
        if not isinstance(said, str):
            continue
        if "\0" in said:
            raise OperatorError(f"{name[:64]}: a zero byte is no part of any text")
        if name == "because" and len(said) > BECAUSE_MAX:
            raise OperatorError(f"because: at most {BECAUSE_MAX} characters")
        if name == "target" and len(said) > _TARGET_MAX:
            raise OperatorError(f"target: at most {_TARGET_MAX} characters")
        is_long_number = name in _NAMES_OF_THINGS or (name == "target" and said.startswith(_NUMBERED_LONG))
        if not is_long_number and _holds_card_number(said):
            raise OperatorError(
                f"{name[:64]}: a number in it may be a card's, and those are not kept; say it in other words"
            )


def _holds_card_number(said: str) -> bool:
    runs = _LONG_NUMBER.finditer(normalize("NFKC", said[:_SEARCHED_MAX]))
    return any(Pan(re.sub("[ -]", "", run[0])).has_valid_check_digit() for run in runs)
