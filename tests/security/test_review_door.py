"""What security should refuse or hide and does not yet: each test fails for a fault that is known."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from switch.decisions import CardSecurity, KeepUpload
from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.rule import Policy
from switch.security.key_blocks import KeyUsage
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput
from switch.security.software_hsm import SoftwareHsm
from switch.transactions.decide import decide
from tests.builders import a_chip, a_request, a_terminal, some_facts

RIGHT_CHIP = Verdicts(cryptogram=Finding.RIGHT)


def action_of(request: Any, **facts: Any) -> Action:
    return decide(request, some_facts(**facts), Policy()).reply.action


# --- what a chip vouches for -------------------------------------------------------------------------------


def test_a_chip_that_signed_another_amount_vouches_for_nothing() -> None:
    chip = a_chip(amount_minor=100, cryptogram_information=0x80)

    asked = a_request(chip=chip, amount_minor=1000, entry_mode="051", verdicts=RIGHT_CHIP)

    assert action_of(asked) is not Action.APPROVED


def test_a_chip_that_signed_another_currency_vouches_for_nothing() -> None:
    chip = a_chip(amount_minor=1000, currency="840", cryptogram_information=0x80)

    assert action_of(a_request(chip=chip, entry_mode="051", verdicts=RIGHT_CHIP)) is not Action.APPROVED


def test_a_payment_that_the_chip_declined_is_declined() -> None:
    chip = a_chip(amount_minor=1000, cryptogram_information=0x00)

    assert action_of(a_request(chip=chip, entry_mode="051", verdicts=RIGHT_CHIP)) is not Action.APPROVED


def test_the_cryptogram_of_an_online_payment_is_not_good_for_an_offline_sale() -> None:
    online = a_chip(atc=9, amount_minor=1000, cryptogram_information=0x80)
    sale = a_request(kind=Kind.OFFLINE_SALE, chip=online, entry_mode="051", verdicts=RIGHT_CHIP)

    assert action_of(sale, security=CardSecurity(atc=9)) is not Action.APPROVED


# --- what an entry mode claims -----------------------------------------------------------------------------


@pytest.mark.parametrize("entry_mode", ["021", "051", "071", "801", "001", ""])
def test_a_number_alone_is_taken_for_typed_where_typing_is_off(entry_mode: str) -> None:
    typed = a_request(entry_mode=entry_mode, expiry_yymm="3012")

    assert action_of(typed, terminal=a_terminal(manual_entry="off")) is not Action.APPROVED


# --- who signs on ------------------------------------------------------------------------------------------


def test_a_terminal_bound_to_a_machine_tells_its_number_at_sign_on() -> None:
    silent = a_request(kind=Kind.SIGN_ON, mti="0800", pan=None, amount_minor=None, extras=Extras(network_code="003"))

    assert action_of(silent, terminal=a_terminal(serial="61000001")) is Action.SERIAL_MISMATCH


# --- what is kept ------------------------------------------------------------------------------------------

TRACK = "4111111111111111=30122010000012345"


def test_a_track_in_an_upload_is_not_kept_in_clear() -> None:
    extras = Extras(topic="status", content=TRACK.encode().hex().upper())
    request = a_request(kind=Kind.STATUS_UPLOAD, mti="0820", pan=None, amount_minor=None, extras=extras)

    kept = [effect for effect in decide(request, some_facts(), Policy()).effects if isinstance(effect, KeepUpload)]

    assert not any(TRACK.encode() in effect.content for effect in kept)


def test_a_card_number_in_place_of_a_software_version_is_not_kept() -> None:
    extras = Extras(network_code="003", software="4111111111111111")
    request = a_request(kind=Kind.SIGN_ON, mti="0800", pan=None, amount_minor=None, extras=extras)

    assert "4111111111111111" not in repr(decide(request, some_facts(), Policy()).effects)


# --- what is shown, what is started ------------------------------------------------------------------------


def test_a_traceback_does_not_quote_a_key_block() -> None:
    hsm = SoftwareHsm(bytes(32))
    block = hsm.generate(KeyUsage.MAC, owner="").block[:-1] + "x"

    with pytest.raises(ConfigurationError) as failure:
        hsm.mac(block, MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8), b"data")

    assert block not in "".join(traceback.format_exception(failure.value))


def test_a_switch_with_another_master_key_does_not_start(sqlite_database: str, tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from switch.ledger.database import open_database
from switch.ledger.key_store import keep_issuer_key
from switch.security.key_blocks import KeyUsage
from switch.security.software_hsm import SoftwareHsm
from tests.crash.server import install
install(Path({str(tmp_path)!r}), {sqlite_database!r})
kept = SoftwareHsm(bytes(range(32))).generate(KeyUsage.ISSUER_CRYPTOGRAM, owner="")
with open_database({sqlite_database!r}).writing() as connection:
    keep_issuer_key(connection, "62", "issuer_cryptogram", "", "", *kept, 0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    settings = tmp_path / "switch.toml"

    with subprocess.Popen(
        [sys.executable, "-m", "switch", "serve", "--config", str(settings)],
        stderr=subprocess.PIPE,
        text=True,
        env={"SWITCH_MASTER_KEY": "ab" * 32, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())},
    ) as served:
        assert served.stderr is not None
        listened = any("listening" in line for line in iter(served.stderr.readline, ""))
        served.terminate()
        served.wait(30)

    assert not listened
