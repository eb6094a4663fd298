from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from switch.errors import OperatorError
from switch.load.key_pair import KeyPair
from switch.load.keys_given import GivenKeys
from switch.load.rewriting import Rewriter, names_in
from switch.security.mac import MacAlgorithm, mac_key
from switch.security.working_keys import KeyForm, delivery
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.load.hosts import ISO, a_sale, an_answer

CUP = load_dialect("unionpay-pos")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
MASTER, STANDING = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), bytes.fromhex("89ABCDEF01234567FEDCBA9876543210")
PIN_KEY, MAC_KEY = bytes(range(1, 17)), bytes(range(2, 10))


def rewriting(names: str, dialect: str = "iso", keys: GivenKeys | None = None, first_stan: int = 500) -> Rewriter:
    spoken = ISO if dialect == "iso" else CUP
    return Rewriter(spoken, names_in(names), lambda: NOON, first_stan, keys or GivenKeys(spoken))


def a_cup_sale(stan: int = 7, terminal: str = "TERM0001", **more: str) -> Fields:
    fields = {
        0: "0200",
        2: "6200000000000047",
        3: "000000",
        4: "000000001000",
        11: f"{stan:06d}",
        14: "3012",
        22: "012",
    }
    fields |= {25: "00", 41: terminal, 42: "MERCHANT0000001", 49: "156", 60: "22000001000600"}
    return fields | {int(number.lstrip("f")): text for number, text in more.items()}


def a_cup_answer(sale: Fields, rrn: str, code: str = "A00001", **more: str) -> Fields:
    fields = {0: "0210", 11: sale[11], 37: rrn, 38: code, 39: "00", 41: sale[41], 60: sale[60]}
    return fields | {int(number.lstrip("f")): text for number, text in more.items()}


# --- numbers -----------------------------------------------------------------------------------------------


def test_each_terminal_counts_on_from_the_first_number() -> None:
    rewriter = rewriting("stan")

    stans = [rewriter.rewritten(a_sale(stan, terminal))[11] for stan, terminal in ((1, "A"), (2, "A"), (1, "B"))]

    assert stans == ["000500", "000501", "000500"]


def test_after_the_last_number_comes_one() -> None:
    rewriter = rewriting("stan", first_stan=999_999)

    assert [rewriter.rewritten(a_sale(stan))[11] for stan in (1, 2)] == ["999999", "000001"]


def test_only_the_number_is_changed() -> None:
    assert rewriting("stan").rewritten(a_sale(1)) == a_sale(500)


def test_what_is_sent_again_keeps_the_number_of_the_first() -> None:
    rewriter = rewriting("stan")

    first, again = rewriter.rewritten(a_sale(1)), rewriter.rewritten({**a_sale(1), 0: "0201"})

    assert first[11] == again[11] == "000500"


def test_a_unionpay_reversal_has_the_number_of_its_original() -> None:
    rewriter = rewriting("stan", "cup")
    rewriter.rewritten(a_cup_sale(7))
    rewriter.rewritten(a_cup_sale(8))

    assert rewriter.rewritten({**a_cup_sale(7), 0: "0400"})[11] == "000500"


def test_an_iso_reversal_has_a_number_of_its_own_and_names_its_original() -> None:
    rewriter = rewriting("stan,dates")
    sale = rewriter.rewritten(a_sale(7))

    reversal = rewriter.rewritten({**a_sale(8), 0: "0420", 90: "0200" + "000007" + "1121120000" + "0" * 22})

    assert reversal[11] == "000501"
    assert reversal[90] == "0200" + sale[11] + sale[7] + "0" * 22


def test_an_original_that_was_not_sent_in_this_run_is_left_as_it_was_recorded() -> None:
    named = "0200" + "000003" + "1121120000" + "0" * 22

    assert rewriting("stan,dates,batch").rewritten({**a_sale(8), 0: "0420", 90: named})[90] == named


# --- dates -------------------------------------------------------------------------------------------------


def test_dates_are_of_now_the_transmission_time_in_utc() -> None:
    fields = rewriting("dates").rewritten(a_sale(1))

    assert (fields[7], fields[12], fields[13]) == ("1121040000", "120000", "1121")


def test_a_date_that_is_not_there_is_not_added() -> None:
    assert rewriting("dates", "cup").rewritten(a_cup_sale()).keys() == a_cup_sale().keys()


def test_1993_writes_date_and_time_in_one() -> None:
    rewriter = Rewriter(load_dialect("iso8583-1993-ascii"), ["dates"], lambda: NOON, 1, GivenKeys(ISO))

    assert rewriter.rewritten({0: "1200", 11: "000001", 12: "200101000000", 41: "TERM0001"})[12] == "261121120000"


# --- references and batches --------------------------------------------------------------------------------


def test_a_void_names_number_batch_date_reference_and_code_under_which_its_sale_was_sent_again() -> None:
    rewriter = rewriting("stan,rrn,dates,batch", "cup")
    rewriter.learn({0: "0810", 41: "TERM0001", 60: "00000042003"})
    sale = rewriter.rewritten(a_cup_sale(7))
    rewriter.refer(a_cup_answer(a_cup_sale(7), "111111111111", "OLD001"), a_cup_answer(sale, "222222222222", "NEW001"))

    void = rewriter.rewritten(
        {**a_cup_sale(8), 3: "200000", 37: "111111111111", 38: "OLD001", 60: "23000001000600", 61: "0000010000070101"}
    )

    assert sale[60] == "22000042000600"
    assert (void[37], void[38], void[60]) == ("222222222222", "NEW001", "23000042000600")
    assert void[61] == "000042" + sale[11] + "1121"


def test_a_code_of_another_terminal_is_another_code() -> None:
    rewriter = rewriting("rrn", "cup")
    rewriter.refer(a_cup_answer(a_cup_sale(7), "1" * 12, "OLD001"), a_cup_answer(a_cup_sale(7), "2" * 12, "NEW001"))

    assert rewriter.rewritten(a_cup_sale(8, "TERM0002", f38="OLD001"))[38] == "OLD001"


def test_a_reference_of_the_senders_own_is_made_anew_and_the_same_one_alike() -> None:
    rewriter = rewriting("rrn")

    first, other, again = (rewriter.rewritten(a_sale(1, f37=rrn))[37] for rrn in ("1" * 12, "2" * 12, "1" * 12))

    assert first == again != other
    assert len(first) == 12


def test_a_reference_to_what_is_not_known_is_left() -> None:
    refund = {**a_cup_sale(8, f37="1" * 12), 0: "0220", 3: "200000", 60: "25000001000600"}

    assert rewriting("rrn", "cup").rewritten(refund)[37] == "1" * 12


def test_a_batch_is_left_until_a_sign_on_gave_one() -> None:
    assert rewriting("batch", "cup").rewritten(a_cup_sale())[60] == "22000001000600"


# --- MACs --------------------------------------------------------------------------------------------------


def test_a_mac_is_made_with_the_key_that_the_sign_on_gave() -> None:
    rewriter = rewriting("mac", "cup", GivenKeys(CUP, KeyPair(MASTER, STANDING)))
    keys = delivery(MASTER, KeyForm.DOUBLE, PIN_KEY, MAC_KEY)

    rewriter.learn({0: "0810", 41: "TERM0001", 62: keys.hex().upper()})
    body = rewriter.written(rewriter.rewritten(a_cup_sale(f64="FFFFFFFF")))

    assert body[-8:] == mac_key(MacAlgorithm.ECB, MAC_KEY).compute(body[:-8])[:4].hex().upper().encode()


def test_the_key_of_the_file_is_used_where_no_sign_on_gave_one() -> None:
    rewriter = rewriting("mac", "cup", GivenKeys(CUP, KeyPair(MASTER, STANDING)))

    body = rewriter.written(a_cup_sale(f64="FFFFFFFF"))

    assert body[-8:] == mac_key(MacAlgorithm.ECB, STANDING).compute(body[:-8])[:4].hex().upper().encode()


def test_a_kind_that_carries_a_mac_gets_one_where_the_capture_has_none() -> None:
    rewriter = rewriting("mac", "cup", GivenKeys(CUP, KeyPair(MASTER, STANDING)))

    assert 64 in Codec(CUP).decode(rewriter.written(a_cup_sale()))


def test_an_iso_mac_is_eight_bytes_in_hexadecimal() -> None:
    rewriter = rewriting("mac", keys=GivenKeys(ISO, KeyPair(MASTER, STANDING)))

    body = rewriter.written(a_sale(1, f64="F" * 16))

    right = mac_key(MacAlgorithm.X9_19, STANDING).compute(body[:-16])
    assert body[-16:] == right.hex().upper().encode()


def test_without_a_key_a_mac_stays_as_it_was() -> None:
    rewriter = rewriting("mac", "cup", GivenKeys(CUP, KeyPair(MASTER)))

    assert Codec(CUP).decode(rewriter.written(a_cup_sale(f64="DEADBEEF")))[64] == "DEADBEEF"


def test_keys_under_another_master_key_are_not_taken() -> None:
    keys = GivenKeys(CUP, KeyPair(MASTER))

    assert not keys.take("TERM0001", delivery(STANDING, KeyForm.DOUBLE, PIN_KEY, MAC_KEY))
    assert "0 terminals" in repr(keys)


# --- what is not compared, and names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "dialect", "fields"),
    [
        ("", "iso", set()),
        ("stan", "iso", {11}),
        ("dates", "iso", {7, 12, 13}),
        ("dates", "cup", {12, 13, 15}),
        ("batch", "cup", {60}),
        ("batch", "iso", set()),
        ("rrn,mac", "cup", {37, 38, 64}),
    ],
)
def test_what_is_rewritten_may_differ_in_answers(names: str, dialect: str, fields: set[int]) -> None:
    assert rewriting(names, dialect).changed_fields == fields


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(OperatorError, match="--rewrite knows stan, rrn, dates, batch, mac; not pan"):
        names_in("stan,pan")


def test_nothing_is_rewritten_unless_asked() -> None:
    assert rewriting("").rewritten(a_sale(1, f64="F" * 16)) == a_sale(1, f64="F" * 16)
    assert an_answer(a_sale(1))[11] == "000001"
