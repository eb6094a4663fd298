"""The demo's books behind listeners of three dialects, and devices with a key for each transaction (DUKPT)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import trio

from switch.app import run
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import open_database
from switch.ledger.key_store import keep_base_key, remove_base_key
from switch.ledger.schema import card_security, journal, key_counter
from switch.sections import SecuritySettings
from switch.security.ciphers import xor
from switch.security.key_blocks import KeyUsage, base_owner
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.pin_blocks import PinFormat
from switch.security.software_hsm import SoftwareHsm
from switch.security.vault import Vault
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.tools.terminal import Line, open_line
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.terminals.dukpt_device import AES_BDK, AES_KSN, TDES_BDK, TDES_KSN, Device

VISA = Pan("4111111111111111")
PIN = "1234"
DEADLINE_S = 30.0

DIALECTS = ("iso8583-1987-ascii", "iso8583-1987-binary", "iso8583-1993-ascii")
# fmt: off
CODES = {
    #                       approved  PIN wrong  tries  MAC wrong  key used  no base key
    "iso8583-1987-ascii":  ("00",     "55",      "75",  "63",      "63",     "63"),
    "iso8583-1987-binary": ("00",     "55",      "75",  "63",      "63",     "63"),
    "iso8583-1993-ascii":  ("000",    "117",     "106", "916",     "122",    "918"),
}
# fmt: on
APPROVED, PIN_WRONG, TRIES, MAC_WRONG, KEY_USED, NO_KEY = range(6)

# fmt: off
PURCHASES: dict[str, Fields] = {
    "iso8583-1987-ascii": {
        0: "0200", 2: VISA.reveal(), 3: "000000", 4: "000000001000", 7: "0304040000", 22: "011", 25: "00",
        41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
    },
    "iso8583-1993-ascii": {
        0: "1200", 2: VISA.reveal(), 3: "000000", 4: "000000001000", 12: "260304120000",
        41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
    },
}
# fmt: on
PURCHASES["iso8583-1987-binary"] = PURCHASES["iso8583-1987-ascii"]

KINDS = pytest.mark.parametrize("kind", ["tdes", "aes"])
EVERYWHERE = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass
class Till:
    """A terminal with a device, on a line to a switch of its own."""

    device: Device
    line: Line
    url: str
    log: StringIO
    stan: int = 0

    @property
    def codes(self) -> tuple[str, ...]:
        return CODES[self.device.dialect.name]

    def purchase(self, **fields: str) -> Fields:
        """A purchase without anything under a key; ``f4="..."`` gives a field another value."""
        self.stan += 1
        usual = PURCHASES[self.device.dialect.name]
        return {**usual, 11: f"{self.stan:06d}", **{int(name[1:]): text for name, text in fields.items()}}

    async def pay(self, pin: str = PIN, *, has_mac: bool = True, **fields: str) -> str:
        """Pay under the device's next key; the code of the answer, whose MAC has been checked."""
        self.device.count()
        sent = self.device.under_key(self.purchase(**fields), VISA if pin else None, pin, has_mac=has_mac)
        return await self.ask(sent, has_mac=has_mac)

    async def ask(self, fields: Fields, *, has_mac: bool = True) -> str:
        """Send as it is and return the code; an answer to a right MAC must have one, and a right one."""
        codec = Codec(self.device.dialect)
        with trio.fail_after(DEADLINE_S):
            frame = await self.line.ask(self.device.dialect.framing.wrap_request(codec.encode(fields), b""))
        answer = codec.decode(frame.body)
        if has_mac:
            assert self.device.has_right_mac(frame.body, answer), answer
        else:
            assert answer.keys().isdisjoint({64, 128})
        return answer[39]

    def rows(self, *columns: sa.Column[Any]) -> list[tuple[Any, ...]]:
        with closing(open_database(self.url)) as database, database.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*columns))]

    def sales(self, column: sa.Column[str]) -> list[str]:
        """What the journal has of purchases, in the order of the requests."""
        wanted = sa.select(column).where(journal.c.kind == "purchase").order_by(journal.c.journal_id)
        with closing(open_database(self.url)) as database, database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def counters(self) -> list[int]:
        return [row[0] for row in self.rows(key_counter.c.counter)]


@asynccontextmanager
async def a_till(
    url: str, folder: Path, kind: str = "tdes", dialect: str = "iso8583-1987-ascii", *, mac: str = "optional"
) -> AsyncIterator[Till]:
    """A till at the demo's switch; the books are audited when the switch has ended."""
    keys, spoken = folder / "keys.toml", load_dialect(dialect)
    if not keys.exists():
        write_fresh_keys(keys)
    anywhere = Address("127.0.0.1", 0)
    security = SecuritySettings.model_validate({"mac": mac})
    settings = Settings(
        ledger=LedgerSettings(database=url),
        listeners=(ListenerSettings(name="door", dialect=dialect, bind=anywhere, security=security),),
        admin=AdminSettings(bind=anywhere),
        keys=KeySettings(file=keys),
    )
    load_data(settings)
    load_demo_keys(settings)
    device = Device(spoken, AES_BDK, AES_KSN) if kind == "aes" else Device(spoken, TDES_BDK, TDES_KSN)
    log = StringIO()
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, log=log, task_status=task_status))
        async with open_line(spoken, *running.listeners["door"]) as line:
            yield Till(device, line, url, log)
        running.drain()
    assert "Traceback" not in log.getvalue()
    with closing(open_database(url)) as books, snapshot(books) as connection:
        findings = audit(connection, Vault(load_keys(keys)))
    assert [finding for finding in findings if finding.broken] == []


# --- PIN and MAC -------------------------------------------------------------------------------------------


@KINDS
async def test_a_purchase_with_pin_and_mac_under_one_key_is_approved(kind: str, database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, kind, mac="required") as till:
        codes = [await till.pay() for _ in range(3)]
        traces = till.sales(journal.c.trace)

    assert codes == ["00"] * 3
    assert ['["pin","right","right",true]' in trace for trace in traces] == [True] * 3
    assert [f'["key_counter",{seen + 1},{seen},true]' in trace for seen, trace in enumerate(traces)] == [True] * 3


@KINDS
@EVERYWHERE
async def test_what_each_dialect_answers(kind: str, dialect: str, sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path, kind, dialect) as till:
        good, bad = await till.pay(), await till.pay("4321")
        forged = till.device.under_key(till.purchase(), VISA, PIN)
        forged[max(forged)] = "00" * 8
        wrong = await till.ask(forged, has_mac=False)
        stale = await till.ask(till.device.under_key(till.purchase(), VISA, PIN))
        till.device.ksn = bytes((till.device.ksn[0] ^ 1, *till.device.ksn[1:]))
        foreign = await till.ask(till.device.under_key(till.purchase(), VISA, PIN), has_mac=False)

    expected = [till.codes[at] for at in (APPROVED, PIN_WRONG, MAC_WRONG, KEY_USED, NO_KEY)]
    assert [good, bad, wrong, stale, foreign] == expected


@KINDS
async def test_wrong_pins_are_counted_with_the_card(kind: str, database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, kind) as till:
        codes = [await till.pay(pin, has_mac=False) for pin in ("0000", PIN, "0000", "1111", "2222", PIN)]

    assert codes == ["55", "00", "55", "55", "55", "75"]


@KINDS
async def test_a_wrong_mac_changes_nothing(kind: str, database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, kind) as till:
        till.device.count()
        sent = till.device.under_key(till.purchase(), VISA, "0000")
        code = await till.ask({**sent, 4: "000000009999"}, has_mac=False)
        after = till.sales(journal.c.stan), till.counters(), till.rows(card_security.c.pin_tries)
        right = await till.ask(sent)

    assert code == "63"
    assert after == ([], [], [])
    assert right == "55"


async def test_a_pin_block_alone_is_taken_where_macs_are_optional_and_not_where_they_are_required(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        optional = await till.pay(has_mac=False)
    async with a_till(sqlite_database, tmp_path, mac="required") as till:
        till.stan, till.device.ksn = 10, bytes.fromhex("FFFF9876543210E00010")
        required = await till.pay(has_mac=False)

    assert [optional, required] == ["00", "63"]


@KINDS
async def test_a_mac_without_a_pin_counts_too(kind: str, sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path, kind) as till:
        codes = [await till.pay("")]
        codes.append(await till.ask(till.device.under_key(till.purchase())))
        counters = till.counters()

    assert codes == ["00", "63"]
    assert counters == [1]


async def test_a_key_of_two_officers_is_used_from_the_start_and_refused_once_removed(
    database: str, tmp_path: Path
) -> None:
    parts = bytes(range(16)), bytes.fromhex("8C3D5E7F90A1B2C3D4E5F60718293A4B")
    write_fresh_keys(tmp_path / "keys.toml")
    masters = load_keys(tmp_path / "keys.toml").master
    assert masters is not None
    hsm, owner = SoftwareHsm(masters), base_owner("A1B2C3D4E5")
    kept = hsm.put_together(KeyUsage.BDK, parts, owner=owner, is_demo=False)
    with closing(open_database(database)) as books, books.writing() as connection:
        keep_base_key(connection, "A1B2C3D4E5", *kept, 1)

    async with a_till(database, tmp_path, mac="required") as till:
        till.device = replace(till.device, base=xor(*parts), ksn=bytes.fromhex("A1B2C3D4E56789E00000"))
        codes = [await till.pay(), await till.pay("4321")]
        ksn = till.device.ksn
    with closing(open_database(database)) as books, books.writing() as connection:
        assert remove_base_key(connection, "A1B2C3D4E5")
    async with a_till(database, tmp_path, mac="required") as till:
        till.stan, till.device = 10, replace(till.device, base=xor(*parts), ksn=ksn)
        till.device.count()
        sent = till.device.under_key(till.purchase(), VISA, PIN)
        codes.append(await till.ask(sent, has_mac=False))
        log, counters = till.log.getvalue(), till.counters()

    assert codes == ["00", "55", "63"]
    assert "no base derivation key for key set A1B2C3D4E5" in log
    assert counters == [2]


async def test_the_guides_purchases_are_approved_by_a_fresh_demo_once(database: str, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    bodies = re.findall(r"^0200F22\S+$", guide, re.MULTILINE)
    dialect = load_dialect("iso8583-1987-ascii")
    answers: list[Fields] = []

    async with a_till(database, tmp_path) as till:
        with trio.fail_after(DEADLINE_S):
            for body in (*bodies, *bodies):
                frame = await till.line.ask(dialect.framing.wrap_request(body.encode(), b""))
                answers.append(Codec(dialect).decode(frame.body))

    assert [answer[39] for answer in answers] == ["00"] * 4
    assert [answer[37] for answer in answers[:2]] == [answer[37] for answer in answers[2:]]
    assert all(f"`{len(body) >> 8:02X} {len(body) & 0xFF:02X}`" in guide for body in bodies)


# --- copies ------------------------------------------------------------------------------------------------


@KINDS
async def test_a_copied_pin_block_buys_nothing_and_counts_no_pin(kind: str, database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, kind) as till:
        till.device.count()
        first = till.device.under_key(till.purchase(), VISA, "0000", has_mac=False)
        codes = [await till.ask(first, has_mac=False)]
        codes += [await till.ask({**first, 11: f"{number:06d}"}, has_mac=False) for number in (7, 8, 9)]
        codes.append(await till.pay(has_mac=False))
        reasons = till.sales(journal.c.because)

    assert codes == ["55", "63", "63", "63", "00"]
    assert reasons[1:4] == ["the key serial number's counter did not increase: 1 after 1"] * 3


@KINDS
async def test_a_repeat_gets_its_stored_answer_and_uses_up_the_key_it_comes_under(
    kind: str, database: str, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path, kind) as till:
        till.device.count()
        purchase = till.purchase()
        sent = till.device.under_key(purchase, VISA, PIN)
        codes = [await till.ask(sent), await till.ask(sent), await till.ask(till.device.maced({**sent, 0: "0201"}))]
        till.device.count()
        codes.append(await till.ask(till.device.under_key({**purchase, 0: "0201"}, VISA, PIN)))
        before = till.counters(), len(till.sales(journal.c.stan))
        codes.append(await till.ask(till.device.under_key(till.purchase(), VISA, PIN)))

    assert codes == ["00"] * 4 + ["63"]
    assert before == ([2], 1)


@KINDS
async def test_counters_outlive_the_switch(kind: str, database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path, kind) as till:
        codes = [await till.pay(), await till.pay()]
        ksn = till.device.ksn
    async with a_till(database, tmp_path, kind) as till:
        till.stan, till.device.ksn = 10, ksn
        codes.append(await till.ask(till.device.under_key(till.purchase(), VISA, PIN)))
        codes.append(await till.pay())

    assert codes == ["00", "00", "63", "00"]


@KINDS
async def test_one_key_on_two_lines_at_once_is_good_for_one_of_them(kind: str, database: str, tmp_path: Path) -> None:
    codes: list[str] = []

    async with a_till(database, tmp_path, kind) as till:
        till.device.count()
        sent = [till.device.under_key(till.purchase(), VISA, PIN) for _ in range(4)]
        codec, framing = Codec(till.device.dialect), till.device.dialect.framing
        frames = b"".join(framing.wrap_request(codec.encode(fields), b"") for fields in sent)
        with trio.fail_after(DEADLINE_S):
            codes.append(codec.decode((await till.line.ask(frames)).body)[39])
            codes += [codec.decode((await till.line.ask(b"")).body)[39] for _ in sent[1:]]

    assert sorted(codes) == ["00", "63", "63", "63"]


@KINDS
@pytest.mark.parametrize(("number", "stranger"), [(41, "NOWHERE1"), (42, "MERCHANT0000009")])
async def test_a_pin_block_that_a_stranger_sent_buys_nothing_at_a_terminal_of_ours(
    number: int, stranger: str, kind: str, database: str, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path, kind) as till:
        till.device.count()
        at_ours = till.device.under_key(till.purchase(), VISA, PIN, has_mac=False)
        refused = await till.ask({**at_ours, number: stranger}, has_mac=False)
        rows = till.sales(journal.c.stan)
        copied = await till.ask(at_ours, has_mac=False)

    assert refused in {"58", "03"}
    assert rows == []
    assert copied == "63"


async def test_a_pin_block_of_format_3_comes_with_a_mac(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        codes = []
        for pin, has_mac in (("0000", False), (PIN, False), ("0000", True), (PIN, True)):
            till.device.count()
            sale = till.purchase(f53="3000000000000000")
            sent = till.device.under_key(sale, VISA, pin, has_mac=has_mac, form=PinFormat.ISO_3)
            codes.append(await till.ask(sent, has_mac=has_mac))
        counters = till.counters()

    assert codes == ["63", "63", "55", "00"]
    assert counters == [4]


# --- serial numbers that are none --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ksn", "because"),
    [
        ("FFFF9876543210E00000", "counter is zero"),
        ("FFFF9876543210FFFFFF", "counter is zero, or one that terminals skip"),
        ("123456789012345600000000", "counter is zero"),
        ("1234567890123456FFFFFFFF", "terminals skip"),
        ("FFFF98765432", "has 8 to 10 bytes, or 12 for AES, not 6"),
        ("FFFF9876543210E0000100", "not 11"),
    ],
)
async def test_a_serial_number_that_no_device_sends_is_refused_and_leaves_nothing(
    ksn: str, because: str, sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        code = await till.ask({**till.purchase(f52="0123456789ABCDEF"), 125: ksn}, has_mac=False)
        left = till.sales(journal.c.stan), till.counters()
        log = till.log.getvalue()

    assert code == "63"
    assert left == ([], [])
    assert because in log
    assert ksn not in log


async def test_a_device_that_has_used_up_its_keys_is_told_from_a_copy(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        till.device.ksn = bytes.fromhex("FFFF9876543210FFF800")
        codes = [await till.ask(till.device.under_key(till.purchase(), VISA, PIN)) for _ in range(2)]
        reasons = till.sales(journal.c.because)

    assert codes == ["00", "63"]
    assert "used up" in reasons[1]


async def test_who_has_no_key_cannot_use_up_a_device(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        stranger = Device(till.device.dialect, bytes(range(16)), bytes.fromhex("FFFF9876543210FFF800"))
        forged = stranger.under_key(till.purchase(), VISA, PIN, has_mac=False)
        codes = [await till.ask(forged, has_mac=False), await till.pay()]
        counters = till.counters()

    assert codes == ["63", "00"]
    assert counters == [1]


async def test_a_short_serial_number_is_the_devices_all_the_same(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        first = await till.pay()
        sent = till.device.under_key(till.purchase(), VISA, PIN, has_mac=False)
        again = await till.ask({**sent, 125: sent[125].removeprefix("FFFF")}, has_mac=False)
        counters = till.counters()

    assert [first, again] == ["00", "63"]
    assert counters == [1]


async def test_a_message_without_a_serial_number_leaves_no_counter(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        plain = await till.ask(till.purchase(), has_mac=False)
        only_named = await till.ask({**till.purchase(), 125: "FFFF9876543210E00001"}, has_mac=False)
        keyless = await till.ask(till.purchase(f52="0123456789ABCDEF"), has_mac=False)
        counters = till.counters()

    assert [plain, only_named, keyless] == ["00", "00", "63"]
    assert counters == []


async def test_a_sign_on_is_not_asked_whose_key_it_names(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path, dialect="iso8583-1993-ascii") as till:
        code = await till.ask(
            {0: "1804", 11: "000001", 24: "801", 41: "TERM0001", 42: "MERCHANT0000001", 53: "FFFF"}, has_mac=False
        )

    assert code == "000"


@KINDS
async def test_encrypted_tracks_are_not_opened_under_a_transactions_key(
    kind: str, sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path, kind) as till:
        track = "4111111111111111=30122010000012345"
        sale = {**till.purchase(f35=track, f53="0010000000000000"), 22: "021"}
        till.device.count()
        code = await till.ask(till.device.under_key(sale))
        counters = till.counters()

    assert code == "63"
    assert counters == []


async def test_a_reversal_under_the_key_of_its_original_is_not_refused(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        till.device.count()
        sale = till.purchase(f13=f"{datetime.now(ZoneInfo('Asia/Shanghai')):%m%d}")
        codes = [await till.ask(till.device.under_key(sale, VISA, PIN))]
        undated = {number: text for number, text in {**sale, 11: "999999"}.items() if number != 13}
        codes.append(await till.ask(till.device.under_key({**undated, 0: "0400"})))
        codes.append(await till.ask(till.device.under_key({**sale, 0: "0400"})))
        states = till.counters()

    assert codes == ["00", "30", "00"]  # without a date it could be sent again on another day
    assert states == [1]


async def test_no_pin_block_and_no_serial_number_stand_in_the_log(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path, "aes") as till:
        till.device.count()
        sent = till.device.under_key(till.purchase(), VISA, PIN)
        await till.ask(sent)
        log = till.log.getvalue()

    assert log
    assert sent[125] not in log
    assert sent[125][24:] not in log
