"""Tables of who takes part in payments: accounts, merchants, terminals, operators, cards, their keys and counters.

Only cardholder accounts have a `balance` row; merchant and funding accounts are sums over `transfer`, so no
authorisation waits for another one's merchant.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger.columns import metadata, minor, one_of, own_id, refers, text

account: Final = sa.Table(
    "account",
    metadata,
    own_id("account_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),  # cardholder: the CSV's account or a token; merchant, agent: its id
    sa.Column("currency", sa.Text, nullable=False),
    text("class"),
    sa.UniqueConstraint("kind", "name", "currency"),
    one_of("kind", "cardholder", "merchant", "funding", "fee", "agent"),
)

balance: Final = sa.Table(
    "balance",
    metadata,
    own_id("account_id", "account.account_id"),
    minor("ledger_minor"),
    minor("held_minor"),
    minor("credit_limit_minor"),
    sa.CheckConstraint("held_minor >= 0", name="held_not_negative"),
    sa.CheckConstraint("credit_limit_minor >= 0", name="credit_limit_not_negative"),
)

merchant: Final = sa.Table(
    "merchant",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    text("name"),
    text("mcc"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    refers("account_id", "account.account_id"),
    sa.Column("manual_entry", sa.Text, nullable=False, server_default="free"),
    text("limits"),
    text("fee_plan"),
    text("shares"),  # what agents get of its fees
    one_of("status", "active", "frozen", "closed"),
    one_of("manual_entry", "free", "with_code", "off"),
    sa.Index(None, "name"),
)

terminal: Final = sa.Table(
    "terminal",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchant.merchant_id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    text("serial"),
    text("kinds"),  # space-separated kinds, "" for all
    text("entry_modes"),  # space-separated first two digits of DE 22, "" for all
    sa.Column("batch", sa.Text, nullable=False, server_default="000001"),
    sa.Column("signed_on", sa.Integer, nullable=False, server_default="0"),
    text("because"),  # why it is locked
    sa.Column("manual_entry", sa.Text, nullable=False, server_default="free"),
    sa.Column("fallback", sa.Integer, nullable=False, server_default="1"),  # may read the stripe of a chip card
    text("schemes"),  # space-separated, "" for all
    text("software"),  # the version it reported last
    text("pending"),  # space-separated: what it is to be told to do next
    text("limits"),
    text("operator_id"),  # who signed on last
    sa.Column("last_seen_day", sa.Integer, nullable=False, server_default="0"),
    sa.Column("batch_state", sa.Text, nullable=False, server_default="open"),
    one_of("batch_state", "open", "unbalanced", "closed"),
    one_of("status", "registered", "active", "locked", "dormant", "retired"),
    one_of("manual_entry", "free", "with_code", "off"),
    sa.Index(None, "merchant_id", "terminal_id"),
)

terminal_key: Final = sa.Table(
    "terminal_key",
    metadata,
    sa.Column("terminal_id", sa.Text, sa.ForeignKey("terminal.terminal_id"), primary_key=True),
    sa.Column("usage", sa.Text, primary_key=True),  # switch.security.key_blocks.KeyUsage
    sa.Column("check_value", sa.Text, nullable=False),
    sa.Column("block", sa.Text, nullable=False),  # wrapped: opaque here
    text("previous_block"),  # good until the terminal has used the new one
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

issuer_key: Final = sa.Table(
    "issuer_key",
    metadata,
    sa.Column("prefix", sa.Text, primary_key=True),  # of card numbers; the longest that fits is it
    sa.Column("usage", sa.Text, primary_key=True),
    sa.Column("key_index", sa.Text, primary_key=True),  # PVKI, DKI or the cvv_key of a card; "" for the only one
    sa.Column("check_value", sa.Text, nullable=False),
    sa.Column("block", sa.Text, nullable=False),
    text("method"),  # how cryptograms of these cards are made, where not as their scheme does it
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

operator: Final = sa.Table(
    "operator",
    metadata,
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchant.merchant_id"), primary_key=True),
    sa.Column("operator_id", sa.Text, primary_key=True),
    text("password"),  # argon2id, "" where the number alone is enough
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    one_of("status", "active", "closed"),
    sqlite_with_rowid=False,
)

card: Final = sa.Table(
    "card",
    metadata,
    own_id("card_id"),
    sa.Column("pan_key", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("pan_sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.Column("masked_pan", sa.Text, nullable=False),
    sa.Column("expiry_yymm", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    refers("account_id", "account.account_id"),
    minor("single_limit_minor", nullable=True),
    minor("daily_limit_minor", nullable=True),
    sa.Column("daily_count", sa.Integer, nullable=True),
    text("scheme"),
    text("service_code"),
    text("sequence"),
    text("pvv"),  # what its PIN is held against, under the key of that index
    text("pvki"),
    text("cvv_key"),  # which card verification key is its own, "" for the only one
    text("limits"),
    one_of("status", "active", "inactive", "frozen", "lost", "stolen"),
    sa.Index(None, "account_id"),
    sa.Index(None, "masked_pan"),
)

card_security: Final = sa.Table(
    "card_security",
    metadata,
    own_id("card_id", "card.card_id"),
    sa.Column("pin_tries", sa.Integer, nullable=False, server_default="0"),  # wrong ones in a row
    sa.Column("atc", sa.Integer, nullable=False, server_default="-1"),  # the highest counter its chip has shown
    sa.CheckConstraint("pin_tries >= 0", name="pin_tries_not_negative"),
)

pay_code: Final = sa.Table(
    "pay_code",
    metadata,
    sa.Column("code_key", sa.LargeBinary, primary_key=True),  # keyed hash: the code itself is not kept
    refers("card_id", "card.card_id"),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("single_use", sa.Integer, nullable=False, server_default="1"),
    sa.Column("used_by", sa.BigInteger, nullable=True),  # journal row
)

card_day: Final = sa.Table(
    "card_day",
    metadata,
    sa.Column("card_id", sa.BigInteger, sa.ForeignKey("card.card_id"), primary_key=True, autoincrement=False),
    sa.Column("business_day", sa.Integer, primary_key=True, autoincrement=False),
    minor("amount_minor"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.CheckConstraint("amount_minor >= 0 AND count >= 0", name="not_negative"),
    sqlite_with_rowid=False,
)

spending: Final = sa.Table(
    "spending",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),  # card:1, card:1/qr, terminal:T, merchant:M, batch:T/000001
    sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),  # yyyymmdd, yyyymm, 0 for all time
    sa.Column("stripe", sa.Integer, primary_key=True, autoincrement=False),  # their sum counts: no row is hot
    minor("amount_minor"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("since_id", sa.BigInteger, nullable=False, server_default="0"),  # the journal id that was counted first
    sqlite_with_rowid=False,
)
