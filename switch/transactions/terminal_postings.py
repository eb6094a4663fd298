"""What a terminal does for itself: signs on and off, fetches what it needs, sends what is to be kept."""

from __future__ import annotations

from typing import Final

from switch.decisions import (
    BatchState,
    ChangeTerminal,
    Effect,
    Facts,
    KeepKeys,
    KeepUpload,
    OpenBatch,
    Refusal,
    Terminal,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.unionpay import SOFTWARE_SIZE_MAX
from switch.rules.rule import Policy
from switch.transactions.posting import Posting
from switch.wire.masking import kept, kept_text, plain_name

_BATCH_MAX: Final = 999_999
_SCRIPT_RESULT_BYTES: Final = 5
_SCRIPT_OUTCOMES: Final = range(3)  # not performed, failed, successful
_UPLOADED_AS: Final = {
    Kind.STATUS_UPLOAD: "status",
    Kind.SIGNATURE_UPLOAD: "signature",
    Kind.SCRIPT_RESULT: "script_result",
}


def sign_on(request: Request, facts: Facts, _: Policy) -> Posting:
    """The terminal may work, under the batch number and the working keys it is given."""
    assert facts.terminal is not None
    extras, new_keys = request.extras, request.verdicts.new_keys
    software = plain_name(extras.software, SOFTWARE_SIZE_MAX)
    changed = ChangeTerminal(
        signed_on=True,
        software=software or None,
        operator_id=extras.operator_id or None,
        done=_done_by_sign_on(facts.terminal, software),
    )
    batch = facts.terminal.batch
    effects: list[Effect] = [changed]
    if facts.terminal.batch_state is BatchState.CLOSED:
        batch = next_batch(batch)
        effects.append(OpenBatch(batch))
    if new_keys is None:
        return Posting(tuple(effects), batch=batch)
    return Posting((*effects, KeepKeys(new_keys.kept)), batch=batch, private=new_keys.delivery)


def next_batch(batch: str) -> str:
    """The number after a batch's: 999999 is followed by 000001."""
    return f"{int(batch) % _BATCH_MAX + 1:06d}"


def sign_off(_: Request, __: Facts, ___: Policy) -> Posting:
    """The terminal has ended its work; where sign-on is required it must sign on again."""
    return Posting(effects=(ChangeTerminal(signed_on=False),))


# --- what it fetches ---------------------------------------------------------------------------------------


def download_query(request: Request, _: Facts, policy: Policy) -> Posting | Refusal:
    """Which CA keys, AIDs or parameters there are."""
    found = policy.downloads.listed(request.extras.topic, _asked(request)) if policy.downloads else None
    return _nothing_there(request) if found is None else Posting(private=found)


def download(request: Request, _: Facts, policy: Policy) -> Posting | Refusal:
    """One of them."""
    found = policy.downloads.item(request.extras.topic, _asked(request)) if policy.downloads else None
    return _nothing_there(request) if found is None else Posting(private=found)


def download_end(request: Request, facts: Facts, _: Policy) -> Posting:
    """The terminal has them all: it need not be told again."""
    return Posting(effects=_done(facts, request.extras.topic))


# --- what it sends -----------------------------------------------------------------------------------------


def upload(request: Request, facts: Facts, _: Policy) -> Posting:
    """Keep what came, with the payment it is about, if it names one; a script's result is what the chip said.

    Card numbers do not stay in it. A signature is an image, whose bytes are no digits.
    """
    original_id = None if facts.original is None else facts.original.payment_id
    content = _asked(request)
    content = kept_text(content) if request.kind is Kind.SIGNATURE_UPLOAD else kept(content)
    if request.kind is Kind.SCRIPT_RESULT and request.chip is not None:
        content = _results_of_scripts(request.chip.script_results) or content
    done = _done(facts, "status") if request.kind is Kind.STATUS_UPLOAD else ()
    return Posting(effects=(KeepUpload(_UPLOADED_AS[request.kind], original_id, content), *done))


def _results_of_scripts(data: bytes) -> bytes:
    """The results as they came, b"" unless they are some: five bytes for each script, the first of them how it went.

    EMV Book 4 annex A5 (issuer script results); UnionPay's tag DF31 is the same.
    """
    heads = data[::_SCRIPT_RESULT_BYTES]
    is_whole = len(data) % _SCRIPT_RESULT_BYTES == 0
    return data if is_whole and all(head >> 4 in _SCRIPT_OUTCOMES for head in heads) else b""


def _done(facts: Facts, wish: str) -> tuple[Effect, ...]:
    pending = facts.terminal.pending if facts.terminal else ()
    return (ChangeTerminal(done=(wish,)),) if wish in pending else ()


def _done_by_sign_on(terminal: Terminal, software: str) -> tuple[str, ...]:
    """A terminal that signs on has signed on; one that reports another version than before has updated itself."""
    is_updated = software not in ("", terminal.software)
    return tuple(wish for wish in terminal.pending if wish == "sign_on" or (wish == "software" and is_updated))


def _asked(request: Request) -> bytes:
    """The private field as bytes: written in hex where the dialect has it so, else as text."""
    content = request.extras.content
    try:
        return bytes.fromhex(content)
    except ValueError:
        return content.encode("utf-8")


def _nothing_there(request: Request) -> Refusal:
    why = f"there is nothing of that name among {request.extras.topic or 'the downloads'}"
    return Refusal(Action.ORIGINAL_NOT_FOUND, why)
