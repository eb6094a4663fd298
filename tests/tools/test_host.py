from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from switch.errors import ConfigurationError
from switch.security.mac import MacAlgorithm, MacOutput, mac_key
from switch.tools.host import SimulatedHost, Told
from switch.tools.host_mac import HostMac, read_mac
from switch.tools.host_rules import HostRules
from switch.tools.host_script import Script
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from switch.wire.framing import Frame
from tests.terminals.door import NOON, PURCHASES

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


@pytest.fixture
def hurried_clock() -> trio.testing.MockClock:
    """Time jumps to the next deadline once nothing has happened on any socket for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.02)


@dataclass
class Stage:
    """A simulated host that listens, and what it speaks."""

    name: str
    address: tuple[str, int]
    host: SimulatedHost
    codec: Codec
    told: list[Told]
    complaints: list[str]

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Guest]:
        async with await trio.open_tcp_stream(*self.address) as stream:
            yield Guest(self, stream)

    def frame(self, stan: int, **fields: str) -> bytes:
        changed = {**PURCHASES[self.name], 11: f"{stan:06d}"} | {int(key[1:]): text for key, text in fields.items()}
        return self.codec.dialect.framing.wrap_request(self.codec.encode(dict(sorted(changed.items()))))


@dataclass
class Guest:
    """A client of the host."""

    stage: Stage
    stream: trio.SocketStream

    def __post_init__(self) -> None:
        self._framer = self.stage.codec.dialect.framing.framer()
        self._frames: list[Frame] = []

    async def send(self, *stans: int) -> None:
        await self.stream.send_all(b"".join(map(self.stage.frame, stans)))

    async def frame(self) -> Frame:
        while not self._frames:
            data = await self.stream.receive_some()
            assert data, "closed instead of an answer"
            self._frames += self._framer.feed(bytes(data))
        return self._frames.pop(0)

    async def receive(self) -> Fields:
        return self.stage.codec.decode((await self.frame()).body)

    async def stan(self) -> int:
        return int((await self.receive())[11])

    async def is_closed(self) -> bool:
        """Wait for the end; whether nothing came before it."""
        return not await self.stream.receive_some()


@asynccontextmanager
async def playing(
    *rules: dict[str, Any], dialect: str = "iso8583-1987-ascii", mac: bytes = b"", **script: Any
) -> AsyncIterator[Stage]:
    spoken = load_dialect(dialect)
    codec = Codec(spoken)
    named = [{"name": f"rule {at}", **rule} for at, rule in enumerate(rules)]
    compiled = HostRules(Script.model_validate({"rules": named, **script}), spoken, lambda: NOON)
    told: list[Told] = []
    complaints: list[str] = []
    sealing = HostMac(spoken, mac_key(MacAlgorithm.X9_19, mac), MacOutput.RAW8) if mac else None
    host = SimulatedHost(compiled, codec, spoken.framing, sealing, told.append, complaints.append)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run, listening)
            yield Stage(dialect, listening.getsockname(), host, codec, told, complaints)
            nursery.cancel_scope.cancel()


# --- answering --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PURCHASES))
async def test_messages_are_answered_in_order_and_counted(name: str) -> None:
    async with playing({"when": {"mti": "1804"}}, dialect=name) as stage, stage.connect() as guest:
        await guest.send(1, 2, 3)

        assert [await guest.stan() for _ in range(3)] == [1, 2, 3]
        assert stage.host.counts.by_rule == {("(default)", "answer"): 3}
        assert stage.host.counts.connections == 1


async def test_the_tpdus_addresses_change_places_and_the_header_comes_back() -> None:
    async with playing(dialect="unionpay-pos") as stage, stage.connect() as guest:
        framing, header = stage.codec.dialect.framing, bytes.fromhex("6000030000603200310000")
        body = framing.framer().feed(stage.frame(1))[0].body

        await guest.stream.send_all(framing.wrap_request(body, header))

        assert (await guest.frame()).header == bytes.fromhex("6000000003603200310000")


async def test_a_keep_alive_comes_back() -> None:
    async with playing() as stage, stage.connect() as guest:
        await guest.stream.send_all(b"\0\0")

        assert await guest.stream.receive_some() == b"\0\0"
        assert stage.host.counts.keep_alives == 1


async def test_whoever_watches_is_told_of_rule_and_kind() -> None:
    async with playing({"when": {"kind": "purchase"}}) as stage, stage.connect() as guest:
        await guest.send(1)
        await guest.receive()

        (told,) = stage.told
        assert (told.plan.rule, told.plan.kind, told.fields[11]) == ("rule 0", "purchase", "000001")


# --- misbehaving ------------------------------------------------------------------------------------------


async def test_a_dropped_message_gets_no_answer_but_the_next_one_does() -> None:
    async with playing({"when": {"11": "000001"}, "do": "drop"}) as stage, stage.connect() as guest:
        await guest.send(1, 2)

        assert await guest.stan() == 2
        assert stage.host.counts.by_rule["rule 0", "drop"] == 1


async def test_a_connection_is_closed_instead_of_an_answer_or_after_it() -> None:
    async with playing({"when": {"11": "000001"}, "do": "drop", "close": True}, {"close": True}) as stage:
        async with stage.connect() as guest:
            await guest.send(1)
            assert await guest.is_closed()
        async with stage.connect() as guest:
            await guest.send(2)
            assert await guest.stan() == 2
            assert await guest.is_closed()


async def test_half_an_answer_is_followed_by_silence_or_by_the_end() -> None:
    whole = None
    async with playing({"when": {"11": "000001"}, "do": "half", "close": True}) as stage:
        async with stage.connect() as guest:
            await guest.send(2)
            whole = len(stage.codec.dialect.framing.wrap_request((await guest.frame()).body))
        async with stage.connect() as guest:
            await guest.send(1)
            with trio.fail_after(10):
                half = await guest.stream.receive_some()
                assert await guest.is_closed()
        assert len(half) == whole // 2
    async with playing({"when": {"11": "000001"}, "do": "half"}) as stage, stage.connect() as guest:
        await guest.send(1, 2, 3)

        assert len(await guest.stream.receive_some()) == whole // 2
        assert stage.host.counts.muted == 2


async def test_garbage_cannot_be_cut_into_frames() -> None:
    async with playing({"do": "garbage", "garbage_bytes": 100}) as stage, stage.connect() as guest:
        await guest.send(1)

        received = b""
        while len(received) < 100:
            received += await guest.stream.receive_some()
        assert received[:4] == b"\xff" * 4


async def test_an_answer_can_come_twice() -> None:
    async with playing({"do": "duplicate"}) as stage, stage.connect() as guest:
        await guest.send(7)

        assert [await guest.stan(), await guest.stan()] == [7, 7]


async def test_delayed_answers_come_when_they_are_due_and_overtake(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    late = {"when": {"11": "000001"}, "do": "late", "delay": {"constant_ms": 61_000}}
    slow = {"when": {"11": "000002"}, "delay": {"constant_ms": 2_000}}
    async with playing(late, slow) as stage, stage.connect() as guest:
        begun = trio.current_time()
        await guest.send(1, 2, 3)

        assert await guest.stan() == 3
        assert await guest.stan() == 2
        assert 2 <= trio.current_time() - begun < 60
        assert await guest.stan() == 1
        assert trio.current_time() - begun >= 61


async def test_a_delayed_answer_can_be_the_last_one(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with playing({"delay": {"constant_ms": 500}, "close": True}) as stage, stage.connect() as guest:
        await guest.send(1)

        assert await guest.stan() == 1
        assert await guest.is_closed()


async def test_an_answer_to_who_has_gone_is_dropped(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with playing({"when": {"11": "000001"}, "delay": {"constant_ms": 500}}) as stage:
        async with stage.connect() as guest:
            await guest.send(1, 2)
            assert await guest.stan() == 2
        async with stage.connect() as guest:
            await guest.send(1)
            assert await guest.stan() == 1


async def test_who_does_not_read_is_let_go_and_others_are_served() -> None:
    async with playing({"when": {"11": "000009"}, "do": "duplicate"}) as stage, stage.connect() as deaf:
        with trio.move_on_after(20) as patience:
            try:
                while True:
                    await deaf.stream.send_all(b"".join([stage.frame(9)] * 500))
            except trio.BrokenResourceError:
                pass
        async with stage.connect() as guest:
            await guest.send(1)
            assert await guest.stan() == 1
        assert not patience.cancelled_caught


# --- what cannot be read ----------------------------------------------------------------------------------


async def test_what_does_not_decode_is_counted_and_explained_without_card_data() -> None:
    async with playing() as stage, stage.connect() as guest:
        await guest.stream.send_all(stage.frame(1).replace(b"000000001000", b"00000000100x") + stage.frame(2))

        assert await guest.stan() == 2
        assert stage.host.counts.not_decoded == 1
        assert "field 4 at byte 55: not a decimal digit" in stage.complaints[0]
        assert "4111111111111111" not in stage.complaints[0]


async def test_another_framing_ends_the_connection_and_is_named() -> None:
    async with playing() as stage, stage.connect() as guest:
        body = stage.frame(1)[2:]

        await guest.stream.send_all(b"%04d" % len(body) + body)

        assert await guest.is_closed()
        assert stage.host.counts.not_framed == 1
        assert "looks like 4 ASCII digits + ASCII with hex bitmap" in stage.complaints[0]


async def test_an_answer_that_comes_as_a_request_is_let_pass() -> None:
    async with playing() as stage, stage.connect() as guest:
        await guest.stream.send_all(stage.frame(1, f0="0210") + stage.frame(2))

        assert await guest.stan() == 2
        assert stage.host.counts.not_requests == 1


async def test_an_answer_that_cannot_be_written_is_counted() -> None:
    async with playing({"answer": {"38": {"copy": "41"}}, "when": {"11": "000001"}}) as stage, stage.connect() as guest:
        await guest.send(1, 2)

        assert await guest.stan() == 2
        assert stage.host.counts.not_encoded == 1


# --- MACs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iso8583-1987-ascii", "iso8583-1987-binary"])
async def test_a_mac_is_checked_and_the_answer_has_one(name: str) -> None:
    async with playing(dialect=name, mac=KEY) as stage, stage.connect() as guest:
        mac = HostMac(stage.codec.dialect, mac_key(MacAlgorithm.X9_19, KEY), MacOutput.RAW8)
        body = stage.codec.encode({**PURCHASES[name], 64: "0" * 16})
        wrap = stage.codec.dialect.framing.wrap_request

        await guest.stream.send_all(wrap(mac.sealed(body)) + wrap(body) + stage.frame(3))

        right, wrong, absent = await guest.frame(), await guest.frame(), await guest.receive()
        answered, refused = stage.codec.decode(right.body), stage.codec.decode(wrong.body)
        assert (mac.found(right.body, answered), answered[39]) == ("right", "00")
        assert (mac.found(wrong.body, refused), refused[39]) == ("right", "63")
        assert 64 not in absent


def test_a_key_file_is_read_where_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "mac.key"
    path.write_text("0123456789ABCDEF\n", "ascii")
    path.chmod(0o600)
    spoken = load_dialect("unionpay-pos")
    body = Codec(spoken).encode({**PURCHASES["unionpay-pos"], 64: "00000000"})

    mac = read_mac(path, spoken)

    assert mac.found(mac.sealed(body), {64: ""}) == "right"
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_mac(path, spoken)


def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    path = tmp_path / "mac.key"
    path.write_text("0123456789ABCDEX", "ascii")
    path.chmod(0o600)

    with pytest.raises(ConfigurationError) as error:
        read_mac(path, load_dialect("unionpay-pos"))

    assert "0123456789" not in str(error.value)
