"""Whatever stands in a file, its reader gives entries or says what is wrong; nothing else, and never card data."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switch.capture.entry import Direction, Entry
from switch.capture.faults import CaptureFault
from switch.capture.files import CaptureWriter, Head
from switch.capture.reading import read_any
from tests.capture.wires import (
    ACK,
    HOST,
    TERMINAL,
    Shot,
    enhanced,
    ethernet,
    handshake,
    interface,
    ip,
    pcap,
    purchase,
    section,
    talk,
)

ASCII = "iso8583-1987-ascii"
PAN = "4111111111111111"


def capture() -> bytes:
    stream = io.BytesIO()
    with CaptureWriter(stream, Head(dialect=ASCII)) as out:
        for number in range(3):
            out.write(Entry(number, "1", Direction.TO_HOST, purchase(number), ASCII))
    return stream.getvalue()


def packets() -> list[tuple[int, bytes]]:
    sale = Shot(TERMINAL, HOST, 20_001, ACK, purchase(1))
    return [(number, ethernet(ip(shot))) for number, shot in enumerate([*talk(), *handshake(20_000, 30_000), sale])]


LOG = f"""<log realm="c/1" at="2026-11-21T13:00:00.250"><send>
<isomsg direction="outgoing"><header>00</header><field id="0" value="0200"/><field id="2" value="{PAN}"/>
<isomsg id="48"><field id="1" value="4142" type="binary"/></isomsg><field id="61"><![CDATA[<&]]></field>
</isomsg></send></log>
""".encode()
FILES = {
    "capture": capture(),
    "packed": gzip.compress(capture()),
    "pcap": pcap(packets()),
    "pcapng": b"".join([section(), interface(), *(enhanced(at, packet) for at, packet in packets())]),
    "q2": LOG * 3,
    "hex": f"# a line\n> {purchase(1).hex()}\n2026-11-21T13:00:00Z < {purchase(2).hex()}\n".encode(),
}


@pytest.mark.parametrize("kind", FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_file_gives_entries_or_a_fault(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
        content = content or bytearray(b"0")
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))

    try:
        with read_any(path, ASCII) as recording:
            for entry in recording:
                assert entry.at_us >= 0
                assert PAN not in repr(entry)
            told = " ".join(recording.losses.told())
    except CaptureFault as fault:
        told = str(fault)
    assert PAN not in told
    assert purchase(1).hex() not in told
