"""How messages name the earlier one that they are about, in each dialect's way."""

from __future__ import annotations

from datetime import date

import pytest

from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference
from switch.messages.originals import HAVE_ORIGINALS
from tests.messages.fields import PURCHASE_1987, SALE, changed, request_of

VOID = changed(SALE, {3: "200000", 60: "23000007"})
COMPLETION = changed(SALE, {25: "06", 60: "20000007"})
RRN, CODE = "ABC123456789", "123456"
NOVEMBER_1 = date(2026, 11, 1)

# fmt: off
REFERENCES = [
    (VOID,       {37: RRN, 38: CODE, 61: "000007000041"},         OriginalReference("", "000041", None,       "000007", RRN, CODE)),
    (VOID,       {37: RRN},                                       OriginalReference("", "",       None,       "",       RRN, "")),
    (COMPLETION, {38: CODE, 61: "0000030000411101"},              OriginalReference("", "000041", NOVEMBER_1, "000003", "",  CODE)),
    (COMPLETION, {38: CODE, 61: "0000000000001101"},              OriginalReference("", "",       NOVEMBER_1, "",       "",  CODE)),
    (COMPLETION, {38: CODE, 61: "0000000000411101"},              OriginalReference("", "000041", NOVEMBER_1, "",       "",  CODE)),
    (COMPLETION, {38: CODE, 61: "00000300004111010000012345678"}, OriginalReference("", "000041", NOVEMBER_1, "000003", "",  CODE)),
    (COMPLETION, {38: CODE},                                      OriginalReference("", "",       None,       "",       "",  CODE)),
    (COMPLETION, {38: CODE, 61: "0000"},                          OriginalReference("", "",       None,       "",       "",  CODE)),
]
# fmt: on


@pytest.mark.parametrize(("fields", "changes", "reference"), REFERENCES)
def test_unionpay_names_an_original_in_fields_37_38_and_61(
    fields: dict[int, str], changes: dict[int, str | None], reference: OriginalReference
) -> None:
    assert request_of(changed(fields, changes)).original == reference


def test_the_reversal_of_a_void_is_about_the_void_not_about_what_that_voided() -> None:
    request = request_of(changed(VOID, {0: "0400", 38: CODE, 39: "98", 61: "000003000001"}))

    assert request.original == OriginalReference("", "000042", date(2026, 11, 21), "000007", "")


def test_a_scripts_result_that_names_no_sale_carries_its_number() -> None:
    request = request_of(changed(SALE, {0: "0620", 60: "00000007951", 55: "DF3105" + "00" * 5, 37: RRN}))

    assert request.original == OriginalReference("", "000042", date(2026, 11, 21), "000007", RRN)


def test_1987_names_it_in_field_90_or_by_reference_and_code() -> None:
    completion = changed(PURCHASE_1987, {0: "0220", 37: RRN, 38: CODE})

    by_90 = request_of({**completion, 90: "0100" + "000041" + "1121022900" + "0" * 22}, "iso8583-1987-ascii").original
    by_37 = request_of(completion, "iso8583-1987-ascii").original

    assert by_90 == OriginalReference("1", "000041", date(2026, 11, 21), "", RRN, CODE)
    assert by_37 == OriginalReference("", "", None, "", RRN, CODE)


def test_a_sale_is_about_nothing_before_it() -> None:
    assert request_of(changed(SALE, {61: "000007000041"})).original is None
    assert HAVE_ORIGINALS.isdisjoint({Kind.PURCHASE, Kind.AUTHORISATION, Kind.BALANCE, Kind.TRANSFER, Kind.LOAD})
