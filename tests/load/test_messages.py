from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from switch.errors import ConfigurationError, EncodeError, PeerError
from switch.load.forms import forms_of
from switch.load.matching import Matching
from switch.load.messages import Messages
from switch.load.population import TerminalNumber, populate
from switch.load.scenario import Entry, load_scenario
from switch.load.template import Template, Values
from switch.load.tills import Payment, Till
from switch.messages.catalogue import Entry as CatalogueEntry
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.mapping import MessageMap
from switch.messages.model import Request
from switch.security.mac import mac_key, verify_mac
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=ZONE).timestamp()
DIALECTS = ("unionpay-pos", "iso8583-1987-ascii", "iso8583-1987-binary")
POPULATION = populate(load_scenario("purchase"), date(2026, 11, 21))
CARD = POPULATION.cards[0]
GIVEN = {37: "000000000042", 38: "A00001", 13: "1121"}


class Bench:
    """The messages of one dialect, and a till that sends them."""

    def __init__(self, name: str) -> None:
        self.dialect = load_dialect(name)
        self.messages = Messages(self.dialect, POPULATION, "156", ZONE, lambda: NOON)
        self.till = Till(TerminalNumber("TERM0001", "MERCHANT0000001"), 42)
        self.codec = Codec(self.dialect)
        self.map = MessageMap(self.dialect, HostCalendar(ZONE), "bench")

    def sold(self, kind: Kind, entry: Entry = Entry.SWIPE) -> Payment:
        return self.messages.approved(self.messages.message(self.till, kind, entry, CARD, 1234).payment, GIVEN)

    def read(self, frame: bytes) -> tuple[Fields, bytes]:
        (one,) = self.dialect.framing.framer().feed(frame)
        return self.codec.decode(one.body), one.body


@pytest.fixture(params=DIALECTS)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


KINDS = [(name, kind) for name in DIALECTS for kind in forms_of(load_dialect(name))]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_the_host_takes_every_message_for_what_it_is(name: str, kind: Kind) -> None:
    bench = Bench(name)
    of = bench.messages.forms[kind].of
    about = bench.sold(of) if of is not None else None

    sent = bench.messages.message(bench.till, kind, Entry.SWIPE, CARD, 1234, about=about)

    fields, _ = bench.read(sent.frame)
    entry = bench.map.find(fields)
    assert isinstance(entry, CatalogueEntry), entry
    request = bench.map.request(fields, entry, int(NOON * 1e6))
    assert isinstance(request, Request), request
    assert request.kind is kind
    assert (request.terminal_id, request.merchant_id) == ("TERM0001", "MERCHANT0000001")
    if kind not in (Kind.ECHO, Kind.SIGN_ON, Kind.SIGN_OFF):
        assert request.pan == CARD.pan
    if kind not in (Kind.ECHO, Kind.SIGN_ON, Kind.SIGN_OFF, Kind.BALANCE):
        assert request.amount_minor == 1234
    if of is not None:
        assert request.original is not None
    assert Matching(bench.dialect).of_request(fields) == sent.key


@pytest.mark.parametrize("entry", [*Entry])
def test_a_sale_says_how_the_card_is_shown(entry: Entry, bench: Bench) -> None:
    if entry is Entry.QR and bench.dialect.name != "unionpay-pos":
        pytest.skip("pay codes are UnionPay's")

    fields, _ = bench.read(bench.messages.message(bench.till, Kind.PURCHASE, entry, CARD, 100).frame)

    mode = {"swipe": "02", "chip": "05", "contactless": "07", "manual": "01", "qr": "03"}[entry]
    assert fields[22][:2] == mode
    assert (2 in fields) is (entry is Entry.MANUAL)
    assert (35 in fields) is (entry in (Entry.SWIPE, Entry.CHIP, Entry.CONTACTLESS))
    assert (55 in fields) is (entry in (Entry.CHIP, Entry.CONTACTLESS))
    assert (59 in fields) is (entry is Entry.QR)


def test_each_message_has_a_number_of_its_own_and_the_highest_is_followed_by_one(bench: Bench) -> None:
    bench.till = Till(bench.till.number, 999_999)

    stans = [
        bench.read(bench.messages.message(bench.till, Kind.PURCHASE, Entry.SWIPE, CARD, 1).frame)[0][11]
        for _ in range(3)
    ]

    assert stans == ["999999", "000001", "000002"]


def test_a_mac_is_the_messages_own_unless_it_is_forged(bench: Bench) -> None:
    method = bench.messages.method
    key = bench.till.mac = mac_key(method.algorithm, bytes(range(1, 9)))
    good = bench.messages.message(bench.till, Kind.PURCHASE, Entry.SWIPE, CARD, 1)
    forged = bench.messages.message(bench.till, Kind.PURCHASE, Entry.SWIPE, CARD, 1, is_forged=True)
    again = bench.messages.again(bench.till, good.payment)

    def is_right(frame: bytes) -> bool:
        fields, body = bench.read(frame)
        is_hex = bench.dialect.fields[64].encoding == "hex"
        size = 16 if is_hex else 8
        received = bytes.fromhex(fields[64]) if bench.dialect.fields[64].format == "b" else body[-8:]
        try:
            verify_mac(key, method.output, body[:-size], received)
        except PeerError:
            return False
        return True

    assert is_right(good.frame)
    assert not is_right(forged.frame)
    assert again.frame == good.frame
    echo = bench.messages.message(bench.till, Kind.ECHO, Entry.SWIPE, CARD, 0)
    assert 64 not in bench.read(echo.frame)[0]


def test_a_unionpay_reversal_has_its_originals_number_and_batch_and_no_track() -> None:
    bench = Bench("unionpay-pos")
    bench.till.batch = "000007"
    sale = bench.sold(Kind.PURCHASE, Entry.CHIP)
    bench.till.batch = "000008"

    fields, _ = bench.read(
        bench.messages.message(bench.till, Kind.REVERSAL, Entry.SWIPE, sale.card, 1234, about=sale).frame
    )

    assert (fields[0], fields[11], fields[60][2:8], fields[39]) == ("0400", sale.stan, "000007", "98")
    assert fields[2] == CARD.pan.reveal()
    assert not {35, 55, 59} & fields.keys()


def test_a_dialect_that_nobody_wrote_messages_for_is_named_with_those_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no messages are written for dialect iso8583-1993-ascii; .*unionpay-pos"
    ):
        forms_of(load_dialect("iso8583-1993-ascii"))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_template_writes_what_the_codec_writes(name: str) -> None:
    dialect = load_dialect(name)
    first: Fields = {0: "0200", 3: "000000", 4: f"{1:012d}", 11: "000001", 35: "4111111111111111D3012", 41: "TERM0001"}
    first |= {42: "MERCHANT0000001", 60: "22000001000"}
    if not dialect.fields[35].packed:
        first[35] = first[35].replace("D", "=")
    changed = {4: f"{99:012d}", 11: "654321", 41: "TERM9999", 42: "MERCHANT0000002", 60: "2200000100060"}

    template = Template(Codec(dialect), Values(dialect), first, changed)

    assert template.written(changed) == Codec(dialect).encode({**first, **changed})
    assert template.written({**changed, 4: f"{5:012d}"}) == Codec(dialect).encode({**first, **changed, 4: f"{5:012d}"})
    with pytest.raises(EncodeError):
        template.written({**changed, 11: "12345"})


def test_nothing_that_is_sent_shows_a_card_number() -> None:
    bench = Bench("unionpay-pos")

    sent = bench.messages.message(bench.till, Kind.PURCHASE, Entry.MANUAL, CARD, 1)

    assert CARD.pan.reveal() not in repr(sent) + repr(sent.payment) + repr((sent.payment.card,))
