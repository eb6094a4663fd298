"""What a change is: its name, who may make it, what it needs to be told, and whether a second officer must want it.

Every change goes one way (`switch.office.changes`), whether asked for in the console, through the API or at a shell:
the role is checked, the arguments are read by their model, the change and its row in the change log commit together.
Adding a change is adding an `Act` to a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from switch.config import Settings
from switch.errors import OperatorError
from switch.ledger.database import Database
from switch.ledger.ports import Clock, PanVault
from switch.messages.dates import HostCalendar
from switch.office.roles import Actor, Permission
from switch.ruling import business_days

BECAUSE_MAX: Final = 200
BIGINT_MAX: Final = 2**63 - 1
BIGINT_DIGITS: Final = len(str(BIGINT_MAX))
MINOR_MAX: Final = 999_999_999_999  # DE 4 has twelve digits


class Arguments(BaseModel):
    """What an act is told besides its target: bounded, typed, nothing secret (proposals keep them)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_A = TypeVar("_A", bound=Arguments)


class Nothing(Arguments):
    """For acts whose name says it all."""


Minor = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Words = Annotated[str, Field(min_length=1, max_length=2_000)]


class Changed(NamedTuple):
    """What a change did, for the log; ``shown`` is told to whoever made it, once, and kept nowhere."""

    before: Mapping[str, object]
    after: Mapping[str, object]
    shown: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Desk:
    """What changes are made with: the installation's settings, its books, its vault, the wall clock (microseconds)."""

    settings: Settings
    database: Database
    open_vault: Callable[[], PanVault]
    clock: Clock

    @property
    def vault(self) -> PanVault:
        """Seals and finds card numbers; raises `ConfigurationError` where the keys cannot be had."""
        return self.open_vault()

    @property
    def limit_of_one_minor(self) -> int:
        """A limit above this one takes two officers."""
        return self.settings.admin.two_officers_above_minor

    def today(self) -> date:
        """The business day of this moment."""
        days = business_days(self.settings.cut_over, HostCalendar(self.settings.zone))
        return days(self.clock())


class Asked(NamedTuple, Generic[_A]):
    """What was asked for: the key of the target, what else was told, by whom, and why."""

    key: str
    arguments: _A
    by: Actor
    because: str = ""


class Proposed(NamedTuple):
    """What a proposal keeps until a second officer decides; ``shown`` is told to whoever proposed it, once."""

    arguments: Arguments
    shown: Mapping[str, str] = {}


Make = Callable[[Desk, sa.Connection, Any], Changed]
"""Takes an `Asked` of the act's own arguments."""

Ask = Callable[[Desk, sa.Connection, Any], bool]


Propose = Callable[[Any], Proposed]
"""Takes an `Asked` of the act's own arguments; raises `OperatorError`."""


Find = Callable[[sa.Connection, str], None]
"""Takes the key of a target; raises `OperatorError` or `NotInBooks` where there can be no such thing."""


def _no_look(_connection: sa.Connection, _key: str) -> None:
    pass


def _as_asked(asked: Asked[Any]) -> Proposed:
    return Proposed(asked.arguments)


def _never(_desk: Desk, _connection: sa.Connection, _asked: object) -> bool:
    return False


def _always(_desk: Desk, _connection: sa.Connection, _asked: object) -> bool:
    return True


NEVER: Final[Ask] = _never
ALWAYS: Final[Ask] = _always


@dataclass(frozen=True, slots=True)
class Act:
    """One change that can be made.

    ``of`` is the sort of its target ("card", "terminal" ...): a target is written ``sort:key``. ``make`` does it inside
    the transaction it is given, and raises `OperatorError` or `NotInBooks` where it cannot; an act that commits
    by itself (``has_own_commit``) is given a connection to read with, is logged before it begins and again when it
    is done, and must be one that may be done twice. Where a card's number could stand for its target's, ``find`` looks
    whether that is there before it is logged. Where its proposals keep more than was asked (``propose``), their
    arguments are ``proposed``.
    """

    name: str
    of: str
    permission: Permission
    arguments: type[Arguments]
    make: Make
    needs_two: Ask = NEVER
    has_own_commit: bool = False
    find: Find = _no_look
    propose: Propose = _as_asked
    proposed: type[Arguments] | None = None


def key_of(target: str, sort: str) -> str:
    """Return what stands behind ``sort:`` in a target. Raises `OperatorError` for a target of another sort."""
    found, _, key = target.partition(":")
    if found != sort or not key:
        raise OperatorError(f"the target must be {sort}:...")  # not quoted: it may be a card number
    return key


def number_of(key: str) -> int:
    """Read the key of a target that is numbered. Raises `OperatorError`."""
    if not (key.isascii() and key.isdigit() and len(key) <= BIGINT_DIGITS and int(key) <= BIGINT_MAX):
        raise OperatorError("the target's key must be a number")
    return int(key)
