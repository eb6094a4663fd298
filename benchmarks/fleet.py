"""UnionPay terminals and chip cards with keys: their books, and their messages as a driver sends them.

A message that carries a MAC and a cryptogram cannot be renumbered on its way out, so all are made beforehand. Each turn
has one message of every terminal, with a card of its own. So where a connection is given every n-th message, and n
divides `TERMINALS`, each terminal's numbers and each card's counters arrive in order.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.hosts import switch
from benchmarks.messages import BALANCE_MINOR, CURRENCY, EXPIRY_YYMM, ZONE, card_number, write_csv
from switch.ledger.database import open_database
from switch.ledger.key_store import keep_issuer_key, keep_terminal_key
from switch.messages.issuer_data import Scheme
from switch.security.key_blocks import KeyUsage, range_owner, terminal_owner
from switch.security.keys import load_keys
from switch.security.mac import MacAlgorithm, MacKey, MacMethod, MacOutput, mac_key, verify_mac
from switch.security.software_hsm import SoftwareHsm
from switch.security.working_keys import KeyForm, fresh_key, taken
from switch.tools.simulated_card import ARQC, CardData, SimulatedCard
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

DIALECT = "unionpay-pos"
TERMINALS = 2048
"""And as many cards."""

TERMINALS_PER_MERCHANT = 4
ISSUER = "620000"
METHOD = MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)
MAC_BYTES = 8
KEYS_FILE = "keys.toml"
DATABASE_FILE = "switch.sqlite3"
HEADER = bytes.fromhex("6000030000603200310000")  # TPDU and header
KEY_BYTES = 16
AMOUNT_MINOR = 1000
PURCHASE = {0: "0200", 3: "000000", 4: f"{AMOUNT_MINOR:012d}", 22: "052", 25: "00", 49: CURRENCY}
READS_ALL = "600"  # 60.4 to 60.6


class Terminal:
    """One terminal: what it was given at its last sign-on."""

    def __init__(self, number: int) -> None:
        self.terminal_id = f"UP{number:06d}"
        self.merchant_id = f"CHAIN{number // TERMINALS_PER_MERCHANT:010d}"
        self.batch = "000000"
        self.mac: MacKey | None = None


class Sale(NamedTuple):
    """One purchase on its way: ``chip`` is its field 55, b"" where it is plain."""

    message: bytes
    terminal: Terminal
    card: SimulatedCard
    chip: bytes


class Fleet:
    """All terminals and cards of an installation that `prepare` made."""

    def __init__(self, master: bytes, issuer: bytes, size: int = TERMINALS) -> None:
        self._master = master
        self._codec = Codec(load_dialect(DIALECT))
        self._stan = 0
        self.terminals = [Terminal(number) for number in range(size)]
        self.cards = [_card(number, issuer) for number in range(size)]

    def sign_ons(self) -> list[bytes]:
        """Return one sign-on of each terminal, for keys of double length."""
        self._stan += 1
        return [
            HEADER
            + self._encoded(
                {
                    0: "0800",
                    **self._numbered(terminal),
                    60: f"00{terminal.batch}003",
                    62: f"Sequence No08{terminal.terminal_id}".encode().hex().upper(),
                    63: "01 ",
                }
            )
            for terminal in self.terminals
        ]

    def take_keys(self, answers: Sequence[bytes]) -> None:
        """Take what the answers to `sign_ons` give out. Raises RuntimeError unless all do."""
        read = [self._codec.decode(answer[len(HEADER) :]) for answer in answers]
        _refuse_others_than("00", read)
        for terminal, fields in zip(self.terminals, read, strict=True):
            data = bytes.fromhex(fields.get(62, ""))
            if len(data) != KeyForm.DOUBLE:
                raise RuntimeError(f"a sign-on was answered with {len(data)} bytes of keys, not {KeyForm.DOUBLE}")
            terminal.mac = mac_key(METHOD.algorithm, taken(self._master, data).mac_key)
            terminal.batch = fields[60][2:8]

    def sales(self, turns: int, *, protected: bool) -> list[Sale]:
        """Return ``turns`` purchases of each terminal: with cryptogram and MAC, or the same without 55 and 64."""
        return [sale for _ in range(turns) for sale in self._turn(protected=protected)]

    def check(self, sales: Sequence[Sale], answers: Sequence[bytes]) -> None:
        """Raise RuntimeError unless all were approved and, where they are protected, with a right MAC and ARPC.

        A MAC that is wrong raises `switch.errors.PeerError`.
        """
        bodies = [answer[len(HEADER) :] for answer in answers]
        read = [self._codec.decode(body) for body in bodies]
        _refuse_others_than("00", read)
        for sale, fields, body in zip(sales, read, bodies, strict=True):
            if not sale.chip:
                continue
            if sale.terminal.mac is None or 64 not in fields:
                raise RuntimeError("an answer has no MAC")
            verify_mac(sale.terminal.mac, METHOD.output, body[:-MAC_BYTES], body[-MAC_BYTES:])
            doubt = sale.card.disbelief(sale.chip, bytes.fromhex(fields.get(55, "")), fields[39])
            if doubt:
                raise RuntimeError(doubt)

    def _turn(self, *, protected: bool) -> list[Sale]:
        self._stan += 1
        today = datetime.now(ZONE).date()
        sales = []
        for terminal, card in zip(self.terminals, self.cards, strict=True):
            chip = card.chip(AMOUNT_MINOR, CURRENCY, "00", today, os.urandom(4), decides=ARQC) if protected else b""
            fields = {
                **PURCHASE,
                **self._numbered(terminal),
                23: card.sequence,
                35: card.chip_track,
                60: f"22{terminal.batch}000{READS_ALL}",
            }
            sales.append(Sale(HEADER + self._written(fields, chip, terminal), terminal, card, chip))
        return sales

    def _written(self, fields: Fields, chip: bytes, terminal: Terminal) -> bytes:
        if not chip:
            return self._encoded(fields)
        if terminal.mac is None:
            raise RuntimeError("the terminal has not signed on")
        body = self._encoded({**fields, 55: chip.hex().upper(), 64: "0" * MAC_BYTES})[:-MAC_BYTES]
        return body + METHOD.output.wire(terminal.mac.compute(body))

    def _encoded(self, fields: Fields) -> bytes:
        return self._codec.encode(dict(sorted(fields.items())))

    def _numbered(self, terminal: Terminal) -> Fields:
        return {11: f"{self._stan:06d}", 41: terminal.terminal_id, 42: terminal.merchant_id}


def prepare(folder: Path) -> Fleet:
    """Make an installation in ``folder``, which must not be there yet, and put keys into its books."""
    folder.mkdir()
    master, issuer = fresh_key(KEY_BYTES, os.urandom), fresh_key(KEY_BYTES, os.urandom)
    fleet = Fleet(master, issuer)
    merchants = sorted({terminal.merchant_id for terminal in fleet.terminals})
    # fmt: off
    write_csv(folder / "merchants.csv", ("merchant_id", "name", "currency"),
              [(merchant_id, "Chain", CURRENCY) for merchant_id in merchants])
    write_csv(folder / "terminals.csv", ("terminal_id", "merchant_id"),
              [(terminal.terminal_id, terminal.merchant_id) for terminal in fleet.terminals])
    write_csv(folder / "cards.csv", ("pan", "expiry_yymm", "currency", "balance_minor", "scheme"),
              [(card.pan.reveal(), EXPIRY_YYMM, CURRENCY, str(BALANCE_MINOR), "unionpay") for card in fleet.cards])
    # fmt: on
    switch(folder, "init", ".")
    for what in ("merchants", "terminals", "cards"):
        switch(folder, "import", what, f"{what}.csv")
    _put_in_keys(folder, fleet.terminals, master, issuer)
    return fleet


def _put_in_keys(folder: Path, terminals: Sequence[Terminal], master: bytes, issuer: bytes) -> None:
    """By the files' names, not by settings: the environment may name other books."""
    held = load_keys(folder / KEYS_FILE, {}).master
    if held is None:
        raise RuntimeError("a new installation has no master key")
    hsm, now = SoftwareHsm(held), time.time_ns() // 1000
    database = open_database(f"sqlite:///{folder / DATABASE_FILE}")
    with closing(database), database.writing() as connection:
        for terminal in terminals:
            owner = terminal_owner(terminal.terminal_id)
            kept = hsm.take_in(KeyUsage.TERMINAL_MASTER, master, owner=owner, is_demo=False)
            keep_terminal_key(connection, terminal.terminal_id, KeyUsage.TERMINAL_MASTER, *kept, now)
        usage = KeyUsage.ISSUER_CRYPTOGRAM
        kept = hsm.take_in(usage, issuer, owner=range_owner(ISSUER, ""), is_demo=False)
        keep_issuer_key(connection, ISSUER, usage, "", "", *kept, now)


def _card(number: int, issuer: bytes) -> SimulatedCard:
    return SimulatedCard(
        CardData(
            pan=card_number(number, ISSUER),
            expiry=EXPIRY_YYMM,
            scheme=Scheme.UNIONPAY,
            sequence="01",
            stripe="1010000012345",
            chip="2010000012345",
            aid="A000000333010101",
            issuer_key=issuer.hex(),
            pin="",
        )
    )


def _refuse_others_than(code: str, answers: Sequence[Fields]) -> None:
    codes = Counter(fields.get(39, "none") for fields in answers)
    if set(codes) - {code}:
        raise RuntimeError(f"not every request was answered {code}: {dict(codes)}")
