"""The keys of one transaction against the published vectors, and the security module's calls for them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from switch.errors import ConfigurationError, OperatorError
from switch.messages.verdicts import Finding
from switch.security.ciphers import des, xor
from switch.security.demo_keys import DEMO_BDK, DEMO_BDK_AES, DEMO_CVK
from switch.security.hsm import PinReference, TransactionKey
from switch.security.key_blocks import KeyAlgorithm, KeyBlocks, KeyUsage
from switch.security.key_serials import read_key_serial
from switch.security.pin_blocks import PinBlockError, PinFormat, closed, opened
from switch.security.pin_checks import pvv
from switch.security.software_hsm import SoftwareHsm
from switch.security.transaction_keys import TransactionKeys
from switch.values import Pan

# ANSI X9.24-1:2009 annex A.4, ANSI X9.24-3:2017 and its supplement of test vectors
TDES_KSN = bytes.fromhex("FFFF9876543210E00001")
AES_KSN = bytes.fromhex("123456789012345600000001")
DATA = b"4012345678909D987"
PAN = Pan("4111111111111111")


def tdes(end: str = "E00001") -> TransactionKeys:
    return TransactionKeys(DEMO_BDK, read_key_serial(bytes.fromhex("FFFF9876543210" + end)))


def aes(base: bytes = DEMO_BDK_AES) -> TransactionKeys:
    return TransactionKeys(base, read_key_serial(AES_KSN))


@pytest.mark.parametrize(
    ("end", "pin_block", "request_mac", "answer_mac"),
    [
        ("E00001", "1B9C1845EB993A7A", "9CCC78173FC4FB64", "20364223C1FF00FA"),
        ("E00002", "10A01C8D02C69107", "F608A9BCA6FFC311", "D1FCA6BEF05D24D2"),
        ("E00003", "18DC07B94797B466", "20B59A4FEAC937E3", "BAD4CC9CC2AE326C"),
    ],
)
def test_published_triple_des_transactions(end: str, pin_block: str, request_mac: str, answer_mac: str) -> None:
    keys = tdes(end)
    form, cipher = keys.pin("0")

    assert opened(form, cipher, bytes.fromhex(pin_block), "4012345678909") == "1234"
    assert keys.request_mac(DATA).hex().upper() == request_mac
    assert keys.answer_mac(DATA).hex().upper() == answer_mac


def test_published_aes_transaction() -> None:
    keys = aes()
    form, cipher = keys.pin("0")

    assert form is PinFormat.ISO_4
    assert opened(form, cipher, bytes.fromhex("A912150391AB65A67E52883D81CE2D15"), PAN.reveal()) == "1234"
    assert keys.request_mac(DATA) == cmac("A2DC23DE6FDE0824A2BC321E08E4B8B7")
    assert keys.answer_mac(DATA) == cmac("DBB463945B286C07CD3AD82EE96FD9C9")


def test_keys_are_as_long_as_the_base_derivation_key() -> None:
    key = "61DABDF4B340CF461EE860B1D1AB55357142BD2D6977306859CF49AEFE8F1549"

    assert aes(DEMO_BDK_AES * 2).request_mac(DATA) == cmac(key)


def cmac(key: str) -> bytes:
    whole = CMAC(AES(bytes.fromhex(key)))
    whole.update(DATA)
    return whole.finalize()[:8]


@pytest.mark.parametrize("form", ["1", "0-", "4"])
def test_a_pin_block_of_another_format_shows_nobody_has_the_key(form: str) -> None:
    with pytest.raises(PinBlockError, match="does not come under DUKPT"):
        tdes().pin(form)


# --- the security module -----------------------------------------------------------------------------------


@pytest.fixture
def hsm() -> SoftwareHsm:
    return SoftwareHsm(bytes(range(32)))


def key_of(hsm: SoftwareHsm, ksn: bytes) -> TransactionKey:
    serial = read_key_serial(ksn)
    key = DEMO_BDK_AES if serial.algorithm is KeyAlgorithm.AES else DEMO_BDK
    kept = hsm.take_in(KeyUsage.BDK, key, owner="key set X", is_demo=True, algorithm=serial.algorithm)
    return TransactionKey(kept.block, kept.check_value, serial)


@pytest.mark.parametrize("ksn", [TDES_KSN, AES_KSN])
def test_a_request_has_its_mac_and_its_answer_another(ksn: bytes, hsm: SoftwareHsm) -> None:
    key = key_of(hsm, ksn)
    right = (tdes() if ksn is TDES_KSN else aes()).request_mac(DATA)

    assert hsm.authentic_under(key, DATA, right) is key
    for data, received in ((DATA + b"0", right), (DATA, hsm.answer_mac(key, DATA)), (DATA, right[:7]), (DATA, b"")):
        assert hsm.authentic_under(key, data, received) is None


@pytest.mark.parametrize("ksn", [TDES_KSN, AES_KSN])
def test_a_pin_under_a_transactions_key(ksn: bytes, hsm: SoftwareHsm) -> None:
    key, keys = key_of(hsm, ksn), tdes() if ksn is TDES_KSN else aes()
    pvk = hsm.take_in(KeyUsage.PVK, DEMO_CVK, owner="", is_demo=True)
    reference = PinReference(pvk.block, "1", pvv(des(DEMO_CVK), PAN.reveal(), "1", "1234"))

    def finding(block: bytes, form: str = "0") -> Finding:
        return hsm.check_pin_under(key, form, block, PAN, reference)

    form, cipher = keys.pin("0")
    right, wrong = (closed(form, cipher, pin, PAN.reveal(), bytes) for pin in ("1234", "1235"))
    assert [finding(right), finding(wrong)] == [Finding.RIGHT, Finding.WRONG]
    assert [finding(bytes(size)) for size in (0, 8, 16)] == [Finding.MALFORMED] * 3
    if form is PinFormat.ISO_0:
        assert finding(closed(PinFormat.ISO_1, cipher, "1234", PAN.reveal(), bytes), "1") is Finding.MALFORMED


def test_a_base_key_is_used_for_its_own_algorithm_alone(hsm: SoftwareHsm) -> None:
    key = key_of(hsm, TDES_KSN)._replace(base=key_of(hsm, AES_KSN).base)

    with pytest.raises(ConfigurationError, match="holds a key for AES, not TDES"):
        hsm.answer_mac(key, DATA)


@pytest.mark.parametrize(("key", "algorithm"), [(DEMO_BDK, KeyAlgorithm.TDES), (DEMO_BDK_AES, KeyAlgorithm.AES)])
def test_the_published_base_keys_are_the_demos(key: bytes, algorithm: KeyAlgorithm, hsm: SoftwareHsm) -> None:
    part = bytes(range(16))

    with pytest.raises(OperatorError, match="everybody knows"):
        hsm.put_together(KeyUsage.BDK, [part, xor(part, key)], owner="", is_demo=False, algorithm=algorithm)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_an_aes_key_is_put_together_of_components_as_long_as_it(size: int, hsm: SoftwareHsm) -> None:
    parts = [bytes(range(1, size + 1)), bytes(range(100, 100 + size))]

    kept = hsm.put_together(KeyUsage.BDK, parts, owner="", is_demo=False, algorithm=KeyAlgorithm.AES)

    assert kept.check_value == KeyBlocks.check_value(xor(*parts), KeyAlgorithm.AES)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([bytes(range(1, 9))] * 2, "must have 16, 24 or 32"),
        ([bytes(range(1, 17))] * 2, "it is all zeros"),
        ([bytes(range(1, 17))], "at least 2 components"),
    ],
)
def test_bad_components_of_an_aes_key_are_refused(parts: list[bytes], problem: str, hsm: SoftwareHsm) -> None:
    with pytest.raises(OperatorError, match=problem):
        hsm.put_together(KeyUsage.BDK, parts, owner="", is_demo=False, algorithm=KeyAlgorithm.AES)
