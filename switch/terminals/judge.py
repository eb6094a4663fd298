"""Turns what a request carries of secrets into verdicts: its PIN, card codes, cryptogram, an operator's password.

Verdicts are values: whether they refuse the request is for the rules, inside its group. What they are made of stays
behind the HSM's port. A sign-on gets its new keys here, so that they are kept by the same commit that signs it on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final, NamedTuple

from switch.ledger.lookups import Answer, Question, Verification
from switch.messages.actions import Action
from switch.messages.chip import ChipData, answer_tlv
from switch.messages.chip_reading import read_chip
from switch.messages.kinds import Kind
from switch.messages.model import Reject, Request, channel_of
from switch.messages.protected import ProtectedFields
from switch.messages.sensitive import Secrets
from switch.messages.stripe import track2_parts
from switch.messages.verdicts import Finding, KeyUse, NewKeys, Verdicts
from switch.security.card_codes import CVV2_SERVICE_CODE, ICVV_SERVICE_CODE
from switch.security.hsm import Hsm, NaturalReference, PinReference, TransactionKey
from switch.security.issuers import IF_LAID_OUT, IssuerKey, Issuers
from switch.security.key_blocks import KeyAlgorithm, KeyUsage, terminal_owner
from switch.security.pin_blocks import PinFormat
from switch.security.working_keys import FORMS
from switch.terminals.guard import UNREADABLE, Admitted
from switch.values import Pan, Secret

_PVKI_AND_PVV = 5
_CODE = slice(5, 8)
"""Where a stripe has the PVKI (1), the PVV (4) and the CVV (3) after its service code, as most issuers lay it out."""


_OPENED: Final = (Finding.RIGHT, Finding.WRONG)
"""How a PIN comes out whose block has opened."""


class PasswordQuestion(NamedTuple):
    """Whether a password is the one that was hashed; slow on purpose, so it is asked like anything that waits."""

    stored: str
    password: Secret


Judgement = Generator[Question | PasswordQuestion, Answer | Finding | None, Request | Reject]


class Judge:
    """Judges the requests of one listener, on the loop's thread. ``issuers`` gives the issuers' keys of now."""

    def __init__(
        self,
        protected: ProtectedFields,
        hsm: Hsm,
        issuers: Callable[[], Issuers],
        pan_key: Callable[[Pan], bytes],
        *,
        double_length_mac: bool,
        keys_required: bool,
    ) -> None:
        self._protected = protected
        self._hsm = hsm
        self._issuers = issuers
        self._pan_key = pan_key
        self._double_length_mac = double_length_mac
        self._keys_required = keys_required

    @property
    def checks_tracks(self) -> bool:
        """Whether there is a key that any card's track could be held against."""
        return KeyUsage.CVK in self._issuers().usages

    def judge(self, request: Request, admitted: Admitted) -> Judgement:
        """Return the request with its verdicts, or why it cannot go on."""
        if request.kind is Kind.SIGN_ON:
            return (yield from self._sign_on(request, admitted))
        pan = request.pan
        if pan is None:
            return request if admitted.transaction is None else _noted(request, request.verdicts, admitted)
        secrets = admitted.secrets
        issuers = self._issuers()
        has_codes = bool(secrets.card_code or secrets.track2) and issuers.has(pan, KeyUsage.CVK)
        card = None
        if secrets.pin_block or has_codes:
            answer = yield Question(pan_key=request.pan_key or self._pan_key(pan))
            if not isinstance(answer, Answer):
                return UNREADABLE
            card = answer.card
        verdicts = request.verdicts
        if secrets.pin_block:
            verdicts = self._pin(verdicts, admitted, pan, card, issuers)
        if has_codes and card is not None:
            verdicts = self._codes(verdicts, request, secrets, pan, card, issuers)
        elif secrets.card_code:
            verdicts = verdicts._replace(card_code=Finding.UNCHECKED)
        if request.chip is not None and request.chip.cryptogram:
            verdicts = self._cryptogram(verdicts, request, pan, issuers)
        if admitted.transaction is not None:
            return _noted(request, verdicts, admitted)
        return request.with_verdicts(verdicts)

    def chip_answer(self, request: Request, code: str) -> bytes:
        """Field 55 of the answer to a request whose cryptogram was right; b"" for any other. ``code`` is DE 39."""
        is_right = request.chip is not None and request.verdicts.cryptogram is Finding.RIGHT
        return self._chip_answer(request, request.chip, code) if is_right else b""

    def repeated_chip_answer(self, request: Request, kept: bytes, code: str) -> bytes:
        """Field 55 of the answer to a repeat: that of the first answer, whatever chip data the repeat itself brings.

        ``kept`` is what that was made of (`switch.messages.chip.answerable`), b"" where it had none.
        """
        chip = read_chip(kept) if kept else None
        return self._chip_answer(request, chip, code) if not isinstance(chip, Reject) else b""

    def _chip_answer(self, request: Request, chip: ChipData | None, code: str) -> bytes:
        pan = request.pan
        if chip is None or pan is None:
            return b""
        key = self._issuers().find(pan, KeyUsage.ISSUER_CRYPTOGRAM)
        method = key.method_for(chip, pan) if key else None
        if key is None or method is None:
            return b""
        sequence = chip.sequence(request.card_sequence)
        response_code = code.encode("ascii", "replace")[-2:].rjust(2, b"0")
        return answer_tlv(self._hsm.answer_cryptogram(key.block, method, chip, pan, sequence, response_code))

    # --- sign-on -------------------------------------------------------------------------------------------

    def _sign_on(self, request: Request, admitted: Admitted) -> Judgement:
        keys, extras = admitted.keys, request.extras
        # keys that the answer has no place for would only take from the terminal those that it has elsewhere
        form = FORMS.get(extras.network_code) if self._protected.delivers_keys else None
        master = keys.current.get(KeyUsage.TERMINAL_MASTER) if keys else None
        new_keys: NewKeys | None = None
        if master is not None and form is not None:
            owner = terminal_owner(request.terminal_id)
            new_keys = self._hsm.working_keys(master, form, owner=owner, double_length_mac=self._double_length_mac)
        elif self._keys_required and self._protected.delivers_keys:
            return Reject(Action.KEYS_MISSING, "the terminal has no master key: enter one with `switch keys`")
        finding = Finding.ABSENT
        if extras.password is not None:
            finding = yield from self._password(request, extras.password)
        because = "the operator's password is another" if finding is Finding.WRONG else ""
        return request.with_verdicts(Verdicts(password=finding, new_keys=new_keys, because=because))

    def _password(
        self, request: Request, password: Secret
    ) -> Generator[Question | PasswordQuestion, Answer | Finding | None, Finding]:
        answer = yield Question(operator=(request.merchant_id, request.extras.operator_id))
        if not isinstance(answer, Answer) or not answer.password:
            return Finding.UNCHECKED
        found = yield PasswordQuestion(answer.password, password)
        return found if isinstance(found, Finding) else Finding.UNCHECKED  # too many ask: not the operator's fault

    # --- cards ---------------------------------------------------------------------------------------------

    def _pin(
        self,
        verdicts: Verdicts,
        admitted: Admitted,
        pan: Pan,
        card: Verification | None,
        issuers: Issuers,
    ) -> Verdicts:
        key: TransactionKey | str | None = admitted.transaction
        if key is None:
            key = admitted.keys.current.get(KeyUsage.PIN) if admitted.keys else None
        if key is None:
            why = "the PIN cannot be read: the terminal has no PIN key, it must sign on"
            return verdicts._replace(pin=Finding.MALFORMED, because=why)
        reference = _pin_reference(pan, card, issuers)
        if reference is None:
            return verdicts._replace(pin=Finding.UNCHECKED)
        form, block = self._protected.pin_format(admitted.secrets), admitted.secrets.pin_block
        if isinstance(key, TransactionKey):
            if form == PinFormat.ISO_3 and key.serial.algorithm is KeyAlgorithm.TDES and not admitted.mac_key:
                why = "under DUKPT a PIN block of format 3 is taken only with a MAC: by itself it shows too little"
                return verdicts._replace(pin=Finding.MALFORMED, because=why)
            finding = self._hsm.check_pin_under(key, form, block, pan, reference)
        else:
            finding = self._hsm.check_pin(key, form, block, pan, reference)
        because = {Finding.WRONG: "the PIN is wrong", Finding.MALFORMED: "the PIN block holds no PIN: another key"}
        return verdicts._replace(pin=finding, because=because.get(finding, verdicts.because))

    def _codes(
        self, verdicts: Verdicts, request: Request, secrets: Secrets, pan: Pan, card: Verification, issuers: Issuers
    ) -> Verdicts:
        key = issuers.find(pan, KeyUsage.CVK, card.cvv_key)
        if key is None:
            return verdicts
        if secrets.card_code:
            finding = self._hsm.check_code(key.block, pan, card.expiry_yymm, CVV2_SERVICE_CODE, secrets.card_code)
            why = "the code typed in is not the card's" if finding is Finding.WRONG else verdicts.because
            verdicts = verdicts._replace(card_code=finding, because=why)
        if secrets.track2:
            finding = self._stripe_code(key, pan, card, secrets.track2, request)
            why = "the code on the stripe is not the card's" if finding is Finding.WRONG else verdicts.because
            verdicts = verdicts._replace(track_code=finding, because=why)
        return verdicts

    def _stripe_code(self, key: IssuerKey, pan: Pan, card: Verification, text: str, request: Request) -> Finding:
        """A stripe whose code cannot be found has none that is right: leaving it out gets nobody past it."""
        track = track2_parts(text)
        code = track.discretionary[_CODE] if track is not None else ""
        if key.method == IF_LAID_OUT:
            is_laid_out = track is not None and track.discretionary[:_PVKI_AND_PVV] == card.pvki + card.pvv != ""
            if not is_laid_out:
                return Finding.UNCHECKED
        elif track is not None and card.service_code not in ("", track.service_code):
            return Finding.WRONG
        if track is None or len(code) < _CODE.stop - _CODE.start:
            return Finding.WRONG
        is_chip = channel_of(request.entry_mode) in {"chip", "contactless"}
        service_codes = (ICVV_SERVICE_CODE, track.service_code) if is_chip else (track.service_code,)
        for service_code in service_codes:  # chips of older cards hold the stripe's own code
            if self._hsm.check_code(key.block, pan, track.expiry_yymm, service_code, code) is Finding.RIGHT:
                return Finding.RIGHT
        return Finding.WRONG

    def _cryptogram(self, verdicts: Verdicts, request: Request, pan: Pan, issuers: Issuers) -> Verdicts:
        chip = request.chip
        key = issuers.find(pan, KeyUsage.ISSUER_CRYPTOGRAM)
        method = key.method_for(chip, pan) if key and chip else None
        if chip is None or key is None:
            return verdicts._replace(cryptogram=Finding.UNCHECKED)
        if method is None:
            why = "no chip scheme is known for the card, so its cryptogram cannot be checked"
            return verdicts._replace(cryptogram=Finding.WRONG, because=why)
        verdict = self._hsm.check_cryptogram(key.block, method, chip, pan, chip.sequence(request.card_sequence))
        # a version that we do not know is the sender's word only: not to know how to check it is no reason to trust it
        finding = Finding.WRONG if verdict.finding is Finding.UNCHECKED else verdict.finding
        return verdicts._replace(cryptogram=finding, because=verdict.reason or verdicts.because)


def _noted(request: Request, verdicts: Verdicts, admitted: Admitted) -> Request:
    """The request with its verdicts and with the use of its transaction's key.

    A right MAC says that the sender has the key, and so does a PIN block that opens, be it to another PIN: of those
    made at random one in 16 million does. (Of format 3 it would be one in 200,000: that one comes with a MAC.)
    """
    key = admitted.transaction
    assert key is not None
    is_shown = bool(admitted.mac_key) or verdicts.pin in _OPENED
    use = KeyUse(key.check_value, key.serial.device, key.serial.counter, key.serial.last, is_shown)
    return request.with_verdicts(verdicts._replace(key_use=use))


def _pin_reference(pan: Pan, card: Verification | None, issuers: Issuers) -> PinReference | NaturalReference | None:
    """What a card's PIN is held against; None where nothing is.

    Its verification value where it has one, else its offset from the natural PIN, which needs no index beside it; a
    card with neither has the natural PIN itself, where its issuer has a key that makes them.
    """
    if card is None:
        return None
    has_value = bool(card.pvv and card.pvki)
    usage = KeyUsage.PVK if has_value else KeyUsage.PIN_NATURAL
    key = issuers.find(pan, usage, card.pvki if has_value else "")
    if key is None:
        return None
    if has_value:
        return PinReference(key.block, card.pvki, card.pvv)
    return NaturalReference(key.block, key.natural_pin, card.pvv)
