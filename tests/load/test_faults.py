from __future__ import annotations

from random import Random

import pytest

from switch.errors import DecodeError, FrameError
from switch.load.faults import Effects, garbled
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect


@pytest.mark.parametrize("name", ["unionpay-pos", "iso8583-1987-ascii", "iso8583-1987-binary"])
def test_what_is_garbled_cannot_be_read_as_a_message(name: str) -> None:
    dialect, chance = load_dialect(name), Random(1)
    codec = Codec(dialect)
    body = codec.encode({0: "0200", 3: "000000", 4: "000000000100", 11: "000001", 41: "TERM0001", 42: "M" * 15})

    ways = set()
    for _ in range(200):
        framer = dialect.framing.framer()
        try:
            frames = framer.feed(garbled(body, dialect.framing.wrap_request, chance))
        except FrameError as error:
            ways.add(error.reason)
            continue
        assert len(frames) == 1
        with pytest.raises(DecodeError) as caught:
            codec.decode(frames[0].body)
        ways.add(caught.value.field)
    assert len(ways) >= 3


def test_effects_name_each_fault_with_how_many_had_the_effect_that_they_must_have() -> None:
    effects = Effects()
    effects.sent["repeat"] = 5
    effects.sent["bad_mac"] = 3
    effects.tell_wrong("bad_mac", "answered 00")
    effects.tell_wrong("bad_mac", "answered 00")

    told = [(limit.name, limit.limit, limit.value, limit.held) for limit in effects.limits()]

    assert told == [
        ("bad_mac refused", "all 3", "1 (2 answered 00)", False),
        ("repeat answered as before", "all 5", "5", True),
    ]
