"""A simulated payment terminal: it numbers and MACs what it sends, and believes an answer only after it has checked it.

It knows what a real one knows: its own number and its merchant's, the master key that was put into it, the working keys
that it took from a sign-on's answer. What it checks of an answer is what terminals' firmware checks (message type,
fields 3, 4, 11, 41 and 42 as sent, the MAC), and that addresses and header came back as they should.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import trio

from switch.errors import DecodeError, PeerError
from switch.messages.mapping import answer_mti
from switch.security.ciphers import des
from switch.security.mac import MacAlgorithm, MacKey, MacMethod, MacOutput, mac_key
from switch.security.pin_blocks import PinFormat, closed
from switch.security.tracks import encrypted_track
from switch.security.working_keys import WorkingKeys, taken
from switch.tools.client import ANSWER_DEADLINE_S
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect
from switch.wire.framing import Frame, Framing

APPROVALS: Final = frozenset({"00", "10", "11", "16", "A2", "A4", "A5", "A6"})
"""Values of field 39 that a terminal takes for a yes."""

STANS_OF_A_PLAY: Final = 250

_TRACK2: Final = 35
_ECHOED: Final = (3, 4, 11, 41, 42)
_PARTIAL: Final = "10"
"""The one answer that may be for another amount."""

_MAC_BYTES: Final = 8
_PLAYS: Final = 4_000
_TPDU: Final = bytes.fromhex("6000030000")
_HEADER: Final = bytes.fromhex("603200310000")
_RECEIVE_BYTES: Final = 16_384


class LineLost(PeerError):  # noqa: N818 - an event on the line, whoever's fault
    """The connection to the host ended, or it said nothing for a minute: nothing more can be asked on it."""


class Answer(NamedTuple):
    """An answer and what the terminal thinks of it: ``faults`` say what is not as it should be.

    ``wish`` is what the host wants next, by the header; ``has_mac`` that there was a MAC, and it was right.
    """

    fields: Fields
    faults: tuple[str, ...] = ()
    has_mac: bool = False
    wish: str = ""

    @property
    def code(self) -> str:
        return self.fields.get(39, "")

    @property
    def is_approval(self) -> bool:
        return self.code in APPROVALS and not self.faults


def first_stan(now: datetime) -> int:
    """Return where a play's numbers begin: `STANS_OF_A_PLAY` are its own.

    Plays that begin within six minutes of each other never share one; later ones hardly ever do.
    """
    tenths = int(now.timestamp() * 10)
    return tenths % (_PLAYS - 1) * STANS_OF_A_PLAY + 1


class Terminal:
    """One terminal of a dialect. ``master_key`` is b"" where it has none and sends no MACs."""

    def __init__(self, dialect: Dialect, terminal_id: str, merchant_id: str, master_key: bytes, stan: int) -> None:
        self.terminal_id = terminal_id
        self.merchant_id = merchant_id
        self.batch = "0" * 6
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._master_key = master_key
        self._keys = WorkingKeys(b"", b"")
        self._mac: MacKey | None = None
        self._mac_field = int(dialect.roles["mac"])
        self._method = _method(dialect)
        self._stan = stan
        self._header = (_TPDU if dialect.framing.tpdu else b"") + _HEADER[: dialect.framing.header_bytes]

    def next_stan(self) -> str:
        """Return the number of the next message; 000001 follows 999999."""
        stan = self._stan
        self._stan = stan % 999_999 + 1
        return f"{stan:06d}"

    # --- keys ----------------------------------------------------------------------------------------------

    def take_keys(self, data: bytes) -> str:
        """Take the working keys of a sign-on's answer (field 62); returns what they are, for people.

        Raises `PeerError` for keys that do not match their check values.
        """
        self._keys = taken(self._master_key, data)
        self._mac = mac_key(self._method.algorithm, self._keys.mac_key)
        names = ["PIN", "MAC"] + ["track"] * bool(self._keys.track_key)
        return f"{' '.join(names)} keys"

    def pin_block(self, pin: str, pan: Pan) -> str:
        """Return field 52: ISO format 0 under the PIN key. Raises `PeerError` where the host gave none."""
        cipher = des(_given(self._keys.pin_key, "PIN"))
        return closed(PinFormat.ISO_0, cipher, pin, pan.reveal(), secrets.token_bytes).hex().upper()

    def encrypted(self, track: str) -> str:
        """Return a track with its middle under the track key. Raises `PeerError` where the host gave none."""
        return encrypted_track(des(_given(self._keys.track_key, "track")), track)

    def as_written(self, track: str) -> str:
        """Return track 2 with the separator that the dialect writes: ``D`` in packed digits, ``=`` in characters."""
        return track if self._dialect.fields[_TRACK2].packed else track.replace("D", "=")

    # --- out and in ----------------------------------------------------------------------------------------

    def written(self, fields: Fields, *, has_mac: bool, is_forged: bool = False) -> bytes:
        """Return the frame of a message, with its MAC if it has one and there are keys; forged, that is a wrong one."""
        fields = dict(sorted(fields.items()))
        if not has_mac or self._mac is None:
            return self._framing.wrap_request(self._codec.encode(fields), self._header)
        body = self._codec.encode({**fields, self._mac_field: self._no_mac})[:-_MAC_BYTES]
        mac = self._method.output.wire(self._mac.compute(body))
        if is_forged:
            mac = mac[:-1] + (b"0" if mac[-1:] != b"0" else b"1")
        return self._framing.wrap_request(body + mac, self._header)

    def read(self, sent: Fields, frame: Frame, *, has_mac: bool) -> Answer:
        """Check an answer to ``sent``; ``has_mac`` says that an approval must carry one. Raises `PeerError`."""
        try:
            fields = self._codec.decode(frame.body)
        except DecodeError as error:
            raise PeerError(f"the answer cannot be read: {error}") from None
        faults = [f"field {number} is not as sent" for number in _ECHOED if _differs(sent, fields, number)]
        if fields[0] != answer_mti(sent[0]):
            faults.insert(0, f"an answer {fields[0]} to a {sent[0]}")
        wish, header_fault = self._wish(frame.header)
        if header_fault:
            faults.append(header_fault)
        is_right = False
        if self._mac is not None and self._mac_field in fields:
            right = self._method.output.wire(self._mac.compute(frame.body[:-_MAC_BYTES]))
            is_right = hmac.compare_digest(right, frame.body[-_MAC_BYTES:])
            if not is_right:
                faults.append("its MAC is wrong")
        elif has_mac and self._mac is not None and fields.get(39) in APPROVALS:
            faults.append("it has no MAC")
        return Answer(fields, tuple(faults), is_right, wish)

    @property
    def _framing(self) -> Framing:
        return self._dialect.framing

    @property
    def _no_mac(self) -> str:
        return "0" * (2 * _MAC_BYTES if self._dialect.fields[self._mac_field].format == "b" else _MAC_BYTES)

    def _wish(self, header: bytes) -> tuple[str, str]:
        """(what the host wants next, what is wrong): addresses change places, the header's one digit is the host's."""
        sent = self._header
        if self._framing.tpdu:
            sent = sent[:1] + sent[3:5] + sent[1:3] + sent[5:]
        if header == sent:
            return "", ""
        place = self._dialect.header
        if place is None or len(header) != len(sent):
            return "", "the header did not come back"
        at = 2 * (len(sent) - self._framing.header_bytes) + place.nibble
        digits, own = header.hex(), sent.hex()
        if digits[:at] != own[:at] or digits[at + 1 :] != own[at + 1 :]:
            return "", "the header did not come back"
        names = {code: wish for wish, code in place.codes.items()}
        return names.get(digits[at], "something unknown"), ""


def _method(dialect: Dialect) -> MacMethod:
    """UnionPay's where the field holds characters, the retail MAC where it holds bytes."""
    if dialect.fields[int(dialect.roles["mac"])].format == "b":
        return MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
    return MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)


def _given(key: bytes, name: str) -> bytes:
    if not key:
        raise PeerError(f"no sign-on was answered with a {name} key")
    return key


def _differs(sent: Fields, answer: Fields, number: int) -> bool:
    if number not in sent or (number == 4 and answer.get(39) == _PARTIAL):  # noqa: PLR2004 - the amount
        return False
    return answer.get(number) != sent[number]


# --- the line to the host -----------------------------------------------------------------------------------


class Host(Protocol):
    """What a terminal talks to: a frame out, the next frame in."""

    async def ask(self, frame: bytes) -> Frame:
        """Send one frame and return the answer's. Raises `LineLost` where none comes."""
        ...


class Line:
    """A connection to a host, one question at a time."""

    def __init__(self, framing: Framing, stream: trio.abc.Stream) -> None:
        self._framer = framing.framer()
        self._stream = stream
        self._frames: list[Frame] = []

    async def ask(self, frame: bytes) -> Frame:
        """Send one frame and return the next that comes. Raises `LineLost` where none does within a minute."""
        try:
            await self._stream.send_all(frame)
            with trio.move_on_after(ANSWER_DEADLINE_S):
                while not self._frames:
                    data = await self._stream.receive_some(_RECEIVE_BYTES)
                    if not data:
                        raise LineLost("the host closed the connection instead of answering")
                    self._frames += self._framer.feed(bytes(data))
                return self._frames.pop(0)
        except trio.BrokenResourceError:
            raise LineLost("the connection to the host broke") from None
        raise LineLost(f"no answer within {ANSWER_DEADLINE_S:.0f} s")


@asynccontextmanager
async def open_line(dialect: Dialect, host: str, port: int) -> AsyncIterator[Line]:
    """Open a connection to a host, close it at the end. Raises OSError where nobody listens."""
    async with await trio.open_tcp_stream(host, port) as stream:
        yield Line(dialect.framing, stream)
