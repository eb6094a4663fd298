from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from switch.errors import PeerError
from switch.security.ciphers import des
from switch.security.pin_blocks import PinFormat, opened
from switch.security.tracks import opened_track
from switch.security.working_keys import KeyForm, delivery
from switch.tools.terminal import STANS_OF_A_PLAY, Terminal, first_stan
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from switch.wire.framing import Frame

CUP = load_dialect("unionpay-pos")
CODEC = Codec(CUP)
MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PIN_KEY = bytes.fromhex("89B07B35A1B3F47E89B07B35A1B3F488")
MAC_KEY = bytes.fromhex("0723C80DB5F4CD3D")
TRACK_KEY = bytes.fromhex("3DD04B6F1C9DE5AD7C0202BA61EA4C25")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "messages.jsonl"
CAPTURE = next(
    sample for sample in map(json.loads, VECTORS.read_text("utf-8").splitlines()) if sample["id"] == "S33"
)  # a terminal's own message, whose MAC key is known

SALE: Fields = {
    0: "0200", 3: "000000", 4: "000000001200", 11: "000017", 22: "022", 25: "00", 41: "TERM0001",
    42: "MERCHANT0000001", 49: "156", 60: "22000001000",
}  # fmt: skip


def a_terminal(*, signed_on: bool = True) -> Terminal:
    terminal = Terminal(CUP, "TERM0001", "MERCHANT0000001", MASTER, stan=17)
    if signed_on:
        terminal.take_keys(delivery(MASTER, KeyForm.DOUBLE_WITH_TRACK, PIN_KEY, MAC_KEY, TRACK_KEY))
    return terminal


def unframed(data: bytes) -> Frame:
    (frame,) = CUP.framing.framer().feed(data)
    return frame


def an_answer(terminal: Terminal, *, has_mac: bool = True, header: str | None = None, **changes: str) -> Frame:
    """What a host sends back for `SALE`; ``f4="..."`` gives a field another value."""
    echoed = {number: SALE[number] for number in (3, 4, 11, 41, 42)}
    fields = {0: "0210", **echoed, 39: "00"} | {int(name[1:]): text for name, text in changes.items()}
    sent = unframed(terminal.written(SALE, has_mac=False)).header
    answered = unframed(CUP.framing.wrap(CODEC.encode(dict(sorted(fields.items()))), sent))
    body = unframed(terminal.written(fields, has_mac=True)).body if has_mac else answered.body
    return Frame(answered.header if header is None else bytes.fromhex(header), body)


def test_the_message_of_a_real_terminal_gets_the_mac_that_it_had() -> None:
    captured = unframed(bytes.fromhex(CAPTURE["hex"])).body
    fields = {number: text for number, text in CODEC.decode(captured).items() if number != 64}

    written = a_terminal().written(fields, has_mac=True)

    assert unframed(written).body == captured


def test_a_forged_message_differs_in_its_mac_alone() -> None:
    terminal = a_terminal()

    right, forged = (terminal.written(SALE, has_mac=True, is_forged=is_forged) for is_forged in (False, True))

    assert right[:-8] == forged[:-8]
    assert right[-8:] != forged[-8:]
    assert CODEC.decode(unframed(forged).body)[64].isalnum()


def test_before_it_has_keys_a_terminal_sends_no_mac() -> None:
    written = a_terminal(signed_on=False).written(SALE, has_mac=True)

    assert CODEC.decode(unframed(written).body) == SALE


def test_keys_under_another_master_key_are_not_taken() -> None:
    with pytest.raises(PeerError, match="does not match its check value"):
        a_terminal().take_keys(delivery(bytes(range(16)), KeyForm.DOUBLE, PIN_KEY, MAC_KEY))


def test_a_pin_travels_under_the_pin_key_with_its_card_number() -> None:
    block = bytes.fromhex(a_terminal().pin_block("1234", Pan("4111111111111111")))

    assert opened(PinFormat.ISO_0, des(PIN_KEY), block, "4111111111111111") == "1234"


def test_a_track_is_encrypted_in_place() -> None:
    track = "6200000000000047D30121010000012345"

    encrypted = a_terminal().encrypted(track)

    assert encrypted != track
    assert opened_track(des(TRACK_KEY), encrypted) == track


def test_without_keys_it_can_encrypt_neither() -> None:
    terminal = a_terminal(signed_on=False)

    with pytest.raises(PeerError, match="no sign-on was answered with a PIN key"):
        terminal.pin_block("1234", Pan("4111111111111111"))
    with pytest.raises(PeerError, match="no sign-on was answered with a track key"):
        terminal.encrypted("6200000000000047D30121010000012345")


def test_a_good_answer_has_no_faults() -> None:
    terminal = a_terminal()

    answer = terminal.read(SALE, an_answer(terminal), has_mac=True)

    assert (answer.faults, answer.has_mac, answer.code, answer.wish) == ((), True, "00", "")
    assert answer.is_approval


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"f0": "0410"}, "an answer 0410 to a 0200"),
        ({"f3": "200000"}, "field 3 is not as sent"),
        ({"f4": "000000001201"}, "field 4 is not as sent"),
        ({"f11": "000018"}, "field 11 is not as sent"),
        ({"f41": "TERM0002"}, "field 41 is not as sent"),
        ({"f42": "MERCHANT0000002"}, "field 42 is not as sent"),
        ({"has_mac": False}, "it has no MAC"),
        ({"has_mac": False, "f64": "00000000"}, "its MAC is wrong"),
        ({"header": "6000030000603200310000"}, "the header did not come back"),
        ({"header": "6000000003613200310000"}, "the header did not come back"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(changes: dict[str, str], fault: str) -> None:
    terminal = a_terminal()

    answer = terminal.read(SALE, an_answer(terminal, **changes), has_mac=True)  # type: ignore[arg-type]

    assert answer.faults == (fault,)
    assert not answer.is_approval


def test_a_decline_needs_no_mac() -> None:
    terminal = a_terminal()

    answer = terminal.read(SALE, an_answer(terminal, has_mac=False, f39="51"), has_mac=True)

    assert (answer.faults, answer.is_approval) == ((), False)


def test_a_partial_approval_may_be_for_less() -> None:
    terminal = a_terminal()

    answer = terminal.read(SALE, an_answer(terminal, f4="000000001000", f39="10"), has_mac=True)

    assert answer.is_approval


def test_what_the_host_wants_next_is_read_from_the_header() -> None:
    terminal = a_terminal()

    answer = terminal.read(SALE, an_answer(terminal, header="6000000003603203310000"), has_mac=True)

    assert (answer.wish, answer.faults) == ("sign_on", ())


def test_an_answer_that_cannot_be_read_is_the_hosts_fault() -> None:
    with pytest.raises(PeerError, match="the answer cannot be read"):
        a_terminal().read(SALE, Frame(b"", b"\x02\x10"), has_mac=True)


def test_after_999999_comes_000001() -> None:
    terminal = Terminal(CUP, "TERM0001", "MERCHANT0000001", MASTER, stan=999_999)

    assert [terminal.next_stan(), terminal.next_stan()] == ["999999", "000001"]


def test_plays_within_six_minutes_share_no_number() -> None:
    begins = [first_stan(NOW + timedelta(milliseconds=100 * tenths)) for tenths in range(6 * 60 * 10)]

    assert min(begins) >= 1
    assert max(begins) + STANS_OF_A_PLAY <= 1_000_000
    assert len(set(begins)) == len(begins)
    assert {begin % STANS_OF_A_PLAY for begin in begins} == {1}
