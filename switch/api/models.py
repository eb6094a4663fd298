"""What the API takes and gives, as pydantic models: bounded, typed, and the source of its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from switch.office.acts import BECAUSE_MAX, BIGINT_MAX

_I = TypeVar("_I")

Identifier = Annotated[int, Field(ge=1, le=BIGINT_MAX)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")]
Text = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]


class Given(BaseModel):
    """What is taken: nothing that is not named here."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What is given."""

    model_config = ConfigDict(from_attributes=True)


class Nothing(Given):
    """For what takes no query and no path."""


# --- where ---------------------------------------------------------------------------------------------------


class OneByNumber(Given):
    """A path that names one thing by its number."""

    number: Identifier


class OneByName(Given):
    """A path that names one thing by its id."""

    name: Name


# --- what is asked -------------------------------------------------------------------------------------------


class PageQuery(Given):
    """One page: ``cursor`` is the ``next`` of the page before."""

    cursor: Identifier | None = None


class TransactionQuery(PageQuery):
    """Which transactions; ``action`` "declined" is every one but approved."""

    terminal: Text = ""
    merchant: Text = ""
    card: Identifier | None = None
    kind: Text = ""
    action: Text = ""
    stan: Annotated[Text, Field(max_length=12)] = ""
    rrn: Annotated[Text, Field(max_length=12)] = ""


class ChangeQuery(PageQuery):
    """Which rows of the change log: of one target, like ``card:7``."""

    target: Text = ""


class CardWish(Given):
    """A card to be found: the number goes in the body, never in the address."""

    pan: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]


class ChangeWish(Given):
    """A change to be made: ``what`` and ``arguments`` as ``/acts`` lists them, ``target`` like ``card:7``."""

    what: Text
    target: Annotated[str, Field(max_length=128)]
    arguments: dict[Annotated[str, Field(max_length=64)], str | int | bool | None] = Field(
        default_factory=dict, max_length=20
    )
    because: Annotated[str, Field(max_length=BECAUSE_MAX)] = ""


# --- what is told --------------------------------------------------------------------------------------------


class Page(Told, Generic[_I]):
    """Some of them, the newest first; ``next`` is the cursor of the page that follows, null at the end."""

    items: list[_I]
    next: int | None = None


class Amount(Told):
    """Minor units of an ISO 4217 currency, by its number."""

    minor: int
    currency: str


class TransactionLine(Told):
    """One decided request. Moments are microseconds since 1970, UTC."""

    journal_id: int
    decided_at: int
    kind: str
    action: str
    terminal_id: str
    merchant_id: str
    stan: str
    rrn: str
    amount: Amount | None
    masked_pan: str
    because: str


class Rung(Told):
    """One rule: the value that was found, the limit it was held against."""

    rule: str
    value: Any
    limit: Any
    passed: bool


class Words(Told):
    """An answer explained to the people around a terminal."""

    cashier: str
    cardholder: str
    technician: str
    next: str


class Explained(Told):
    """Words in English and Chinese."""

    en: Words
    zh: Words


class Transaction(Told):
    """One decided request with everything the books know of it."""

    line: TransactionLine
    received_at: int
    card_id: int | None
    original_id: int | None
    approval_code: str
    batch: str
    business_day: int
    entry_mode: str
    trace: list[Rung]
    effects: list[str]
    related: list[TransactionLine]
    explained: Explained | None


class Card(Told):
    """A card and its account at one moment."""

    card_id: int
    masked_pan: str
    expiry_yymm: str
    status: str
    account: str
    account_class: str
    currency: str
    ledger_minor: int
    held_minor: int
    available_minor: int
    credit_limit_minor: int
    single_limit_minor: int | None
    daily_limit_minor: int | None
    daily_count: int | None
    limits: str
    scheme: str
    has_pin: bool
    pin_tries: int
    spent_minor: int
    spent_count: int


class CardFound(Told):
    """Where a card is."""

    card_id: int
    masked_pan: str


class Merchant(Told):
    """A merchant, the sum of its account, its terminals by state."""

    merchant_id: str
    name: str
    mcc: str
    status: str
    balance: Amount
    manual_entry: str
    limits: str
    terminals: dict[str, int]
    operators: int


class HeldKey(Told):
    """A key of a terminal, by what may be shown of it."""

    usage: str
    check_value: str
    changed_at: int


class Terminal(Told):
    """A terminal, its keys, and the merchant that it is bound to."""

    terminal_id: str
    merchant_id: str
    merchant_name: str
    merchant_status: str
    status: str
    because: str
    serial: str
    kinds: str
    entry_modes: str
    schemes: str
    manual_entry: str
    fallback: bool
    limits: str
    batch: str
    batch_state: str
    signed_on: bool
    operator_id: str
    software: str
    pending: list[str]
    keys: list[HeldKey]
    last_seen_at: int | None
    last_seen_day: int


class Day(Told):
    """A business day (yyyymmdd)."""

    day: int
    state: str
    opened_at: int
    closed_at: int | None
    statements: int
    items: int | None
    sha256: str


class Change(Told):
    """One row of the change log."""

    change_id: int
    at: int
    actor: str
    role: str
    what: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    because: str


class Proposal(Told):
    """A change that waits for a second officer, or did."""

    proposal_id: int
    what: str
    target: str
    arguments: dict[str, Any]
    because: str
    proposed_by: str
    proposed_at: int
    state: str
    decided_by: str


class Token(Told):
    """A token by what may be shown of it."""

    token_id: int
    name: str
    role: str
    created_at: int
    expires_at: int
    used_at: int | None
    state: str
    has_certificate: bool


class Act(Told):
    """A change that can be made: who may, and what it needs to be told (a JSON Schema)."""

    name: str
    target: str
    permission: str
    arguments: dict[str, Any]


class Made(Told):
    """A change was made, or waits for a second officer as a proposal. ``shown`` is told this once."""

    change_id: int
    proposal_id: int | None
    before: dict[str, Any]
    after: dict[str, Any]
    shown: dict[str, str]


class Refused(Told):
    """A proposal was turned down."""

    proposal_id: int
