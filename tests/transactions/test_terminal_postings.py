"""A terminal signs on with new keys, fetches what there is, and what it sends is kept."""

from __future__ import annotations

from typing import Any

import pytest

from switch.decisions import ChangeTerminal, KeepKeys, KeepUpload
from switch.messages.actions import Action
from switch.messages.downloads import Downloads
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.verdicts import NewKeys, Verdicts
from switch.rules.rule import Policy
from switch.transactions.decide import decide
from tests.builders import a_chip, a_payment, a_request, a_terminal, some_facts


class Shelf(Downloads):
    """One CA key, called 01."""

    def __init__(self) -> None: ...

    def listed(self, topic: str, asked: bytes) -> bytes | None:
        return b"31" + asked if topic == "ca_keys" else None

    def item(self, topic: str, asked: bytes) -> bytes | None:
        return b"modulus" if (topic, asked) == ("ca_keys", b"\x01") else None


POLICY = Policy(downloads=Shelf())
RESULTS = bytes.fromhex("2000000001 1100000002")
CARD = "4111111111111111"
TRACK = f"{CARD}=30122010000012345"


def of_a_terminal(kind: Kind, **changes: Any) -> Request:
    return a_request(**{"kind": kind, "mti": "0800", "pan": None, "amount_minor": None, **changes})


def test_a_sign_on_gives_out_keys_and_keeps_them() -> None:
    keys = NewKeys(b"delivery", (("P0", "D2DB51", "block"),))
    request = of_a_terminal(
        Kind.SIGN_ON, verdicts=Verdicts(new_keys=keys), extras=Extras(software="000123", operator_id="01")
    )

    decision = decide(request, some_facts())

    assert (decision.reply.batch, decision.reply.private) == ("000001", b"delivery")
    assert decision.effects == (
        ChangeTerminal(signed_on=True, software="000123", operator_id="01"),
        KeepKeys((("P0", "D2DB51", "block"),)),
    )


def test_a_sign_on_without_keys_gives_out_the_batch_alone() -> None:
    decision = decide(of_a_terminal(Kind.SIGN_ON), some_facts())

    assert decision.effects == (ChangeTerminal(signed_on=True),)
    assert decision.reply.private == b""


def test_a_sign_on_is_no_longer_asked_for_nor_an_update_that_has_been_made() -> None:
    terminal = a_terminal(software="000122", pending=("sign_on", "software", "parameters"))

    same = decide(of_a_terminal(Kind.SIGN_ON, extras=Extras(software="000122")), some_facts(terminal=terminal))
    newer = decide(of_a_terminal(Kind.SIGN_ON, extras=Extras(software="000123")), some_facts(terminal=terminal))

    assert (same.effects[0], same.reply.wish) == (
        ChangeTerminal(signed_on=True, software="000122", done=("sign_on",)),
        "software",
    )
    assert (newer.effects[0], newer.reply.wish) == (
        ChangeTerminal(signed_on=True, software="000123", done=("sign_on", "software")),
        "parameters",
    )


def test_downloads_are_listed_and_given_out() -> None:
    query = of_a_terminal(Kind.DOWNLOAD_QUERY, extras=Extras(topic="ca_keys", content="01"))
    item = of_a_terminal(Kind.DOWNLOAD, extras=Extras(topic="ca_keys", content="01"))

    assert decide(query, some_facts(), POLICY).reply.private == b"31\x01"
    assert decide(item, some_facts(), POLICY).reply.private == b"modulus"


@pytest.mark.parametrize(
    ("kind", "topic", "policy"),
    [
        (Kind.DOWNLOAD, "ca_keys", POLICY),
        (Kind.DOWNLOAD_QUERY, "recipes", POLICY),
        (Kind.DOWNLOAD, "ca_keys", Policy()),
        (Kind.DOWNLOAD_QUERY, "ca_keys", Policy()),
    ],
)
def test_what_is_not_there_is_not_found(kind: Kind, topic: str, policy: Policy) -> None:
    request = of_a_terminal(kind, extras=Extras(topic=topic, content="02"))

    assert decide(request, some_facts(), policy).reply.action is Action.ORIGINAL_NOT_FOUND


def test_a_terminal_that_has_them_all_is_not_told_again() -> None:
    end = of_a_terminal(Kind.DOWNLOAD_END, extras=Extras(topic="aids"))

    decision = decide(end, some_facts(terminal=a_terminal(pending=("aids", "parameters"))))
    not_asked = decide(end, some_facts())

    assert decision.effects == (ChangeTerminal(done=("aids",)),)
    assert decision.reply.wish == "parameters"
    assert not_asked.effects == ()


def test_a_status_is_kept_and_no_longer_asked_for() -> None:
    upload = of_a_terminal(Kind.STATUS_UPLOAD, extras=Extras(content="0aff"))

    decision = decide(upload, some_facts(terminal=a_terminal(pending=("status",))))

    assert decision.effects == (KeepUpload("status", None, b"\x0a\xff"), ChangeTerminal(done=("status",)))


def test_a_signature_is_kept_with_the_sale_it_is_of() -> None:
    upload = of_a_terminal(Kind.SIGNATURE_UPLOAD, extras=Extras(content="strokes"))

    assert decide(upload, some_facts(original=a_payment())).effects == (KeepUpload("signature", 11, b"strokes"),)


def test_a_scripts_result_is_what_the_chip_says() -> None:
    told = of_a_terminal(Kind.SCRIPT_RESULT, chip=a_chip(script_results=RESULTS))

    assert decide(told, some_facts(original=a_payment())).effects == (KeepUpload("script_result", 11, RESULTS),)


@pytest.mark.parametrize(
    "results", [b"\x20\x01", RESULTS + b"\x30\0\0\0\0", b"4111111111111111", b"41111111111111111111"]
)
def test_what_is_no_result_of_a_script_is_not_kept_for_one(results: bytes) -> None:
    told = of_a_terminal(Kind.SCRIPT_RESULT, chip=a_chip(script_results=results), extras=Extras(content="9505"))

    assert decide(told, some_facts()).effects == (KeepUpload("script_result", None, b"\x95\x05"),)


@pytest.mark.parametrize("written", [TRACK, f"B{CARD}^DOE/J^30122010000?", f"570F{CARD}D30122015F", CARD])
@pytest.mark.parametrize("packed", [False, True])
def test_a_card_in_an_upload_is_not_kept(written: str, packed: bool) -> None:  # noqa: FBT001 - a table cell
    in_hex = "".join(one for one in written.replace("=", "D") if one in "0123456789ABCDEF")
    content = in_hex + "0" * (len(in_hex) % 2) if packed else written.encode().hex()

    decision = decide(of_a_terminal(Kind.STATUS_UPLOAD, extras=Extras(content=content)), some_facts())

    upload = next(effect for effect in decision.effects if isinstance(effect, KeepUpload))
    assert len(upload.content) == len(content) // 2
    assert CARD not in upload.content.decode("latin-1")
    assert CARD not in upload.content.hex()


@pytest.mark.parametrize("software", ["4111111111111111", "V 1.0", "1" * 21, "1.0\n"])
def test_a_software_version_that_is_none_is_not_kept(software: str) -> None:
    terminal = a_terminal(software="1.0", pending=("software",))

    decision = decide(of_a_terminal(Kind.SIGN_ON, extras=Extras(software=software)), some_facts(terminal=terminal))

    assert decision.effects == (ChangeTerminal(signed_on=True),)


@pytest.mark.parametrize("kind", [Kind.STATUS_UPLOAD, Kind.SCRIPT_RESULT])
def test_what_a_locked_terminal_sends_is_kept_too(kind: Kind) -> None:
    decision = decide(of_a_terminal(kind), some_facts(terminal=a_terminal(status="locked")))

    assert decision.reply.action is Action.APPROVED
