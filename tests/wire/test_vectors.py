"""Samples of other people's terminals and hosts: what they wrote, we read and write again byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from switch.wire.codec import WORTH_COMPILING, Codec
from switch.wire.framing import Frame
from tests.wire.messages import DIALECTS

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "messages.jsonl"
SAMPLES = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
ROUNDTRIP = [sample for sample in SAMPLES if sample["roundtrip"]]


def unframed(sample: dict[str, Any]) -> Frame:
    """Header and body, whether or not the sample was captured with its length and header."""
    framing = DIALECTS[sample["project_dialect"]].framing
    raw = bytes.fromhex(sample["hex"])
    layers = sample.get("framing", "")
    if layers.startswith("len2"):
        (frame,) = framing.framer().feed(raw)
        assert framing.wrap_request(frame.body, frame.header) == raw
        return frame
    size = framing.all_header_bytes if layers.startswith("tpdu") else 0
    return Frame(raw[:size], raw[size:])


def as_ours(field: Any, value: str) -> str:
    """A sample's value as we give it: binary fields in hex, also where the sample shows their characters."""
    if field.format != "b":
        return value
    if value.startswith("hex:"):
        return value.removeprefix("hex:")
    try:
        return bytes.fromhex(value).hex().upper()
    except ValueError:
        return value.encode("latin-1").hex().upper()


def test_the_samples_are_all_here() -> None:
    assert len(ROUNDTRIP) == 19


@pytest.mark.parametrize("sample", ROUNDTRIP, ids=lambda sample: sample["id"])
def test_a_sample_decodes_to_its_values_and_encodes_to_its_bytes(sample: dict[str, Any]) -> None:
    dialect = DIALECTS[sample["project_dialect"]]
    header, body = unframed(sample)
    decoded = sample["decoded"]

    codec = Codec(dialect)
    for _ in range(WORTH_COMPILING + 2):  # the careful way first, then the compiled one
        fields = codec.decode(body)
        assert fields[0] == decoded["mti"]
        assert header.hex().upper() == decoded.get("tpdu", "") + decoded.get("header", "") or not header
        for number, value in decoded["fields"].items():
            assert fields[int(number)] == as_ours(dialect.fields[int(number)], value), number
        assert codec.encode(fields) == body
    assert codec._decoders
    assert codec._encoders
