from __future__ import annotations

from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.isomsg import fields_of, parsed
from switch.capture.reading import read_any
from switch.wire.codec import Fields
from tests.capture.wires import CODEC, CUP

ASCII = "iso8583-1987-ascii"
ECHO = """\
<log realm="client-channel/127.0.0.1:10000" at="Tue Dec 15 17:59:29 GMT 2015.995" lifespan="1ms">
  <send>
    <isomsg>
      <!-- org.jpos.iso.packager.XMLPackager -->
      <field id="0" value="0800"/>
      <field id="7" value="1215175929"/>
      <field id="11" value="1"/>
      <field id="70" value="301"/>
    </isomsg>
  </send>
</log>
<log realm="client-channel/127.0.0.1:10000" at="Tue Dec 15 17:59:30 GMT 2015.9" lifespan="13ms">
  <receive>
    <isomsg direction="incoming">
      <!-- org.jpos.iso.packager.XMLPackager -->
      <field id="0" value="0810"/>
      <field id="7" value="1215175929"/>
      <field id="11" value="1"/>
      <field id="39" value="00"/>
      <field id="70" value="301"/>
    </isomsg>
  </receive>
</log>
"""
AROUND = """\
<?xml version="1.0" encoding="UTF-8"?>
<logger class="org.jpos.q2.qbean.LoggerAdaptor">
<log realm="Q2.system" at="Tue Dec 15 17:59:28 GMT 2015.1">
  <info>
    Q2 started, deployDir=/opt/jpos/deploy & <unfinished
  </info>
</log>
{}
<log realm="org.jpos.transaction.TransactionManager" at="Tue Dec 15 17:59:31 GMT 2015.1" lifespan="2ms">
  <debug>
    <isomsg direction="incoming">
      <field id="0" value="0800"/>
      <field id="70" value="301"/>
    </isomsg>
  </debug>
</log>
</logger>
"""


def read(path: Path, text: str, dialect: str = ASCII) -> tuple[list[Entry], list[str]]:
    path.write_text(text, "utf-8")
    with read_any(path, dialect) as recording:
        return list(recording), list(recording.losses.told())


def decoded(entry: Entry) -> Fields:
    codec = CODEC if entry.dialect == ASCII else CUP
    return codec.decode(codec.dialect.framing.framer().feed(entry.frame)[0].body)


def message(*fields: str, mti: str = "0200", direction: str = "incoming", realm: str = "server/192.0.2.1:4000") -> str:
    inner = "".join(f"      {field}\n" for field in (f'<field id="0" value="{mti}"/>', *fields))
    way = "receive" if direction == "incoming" else "send"
    return (
        f'<log realm="{realm}" at="2026-11-21T13:00:00.250" lifespan="1ms">\n  <{way}>\n'
        f'    <isomsg direction="{direction}">\n{inner}    </isomsg>\n  </{way}>\n</log>\n'
    )


def test_what_a_channel_sent_and_received_becomes_frames(tmp_path: Path) -> None:
    entries, told = read(tmp_path / "q2.log", AROUND.format(ECHO))

    assert [decoded(entry) for entry in entries] == [
        {0: "0800", 7: "1215175929", 11: "000001", 70: "301"},
        {0: "0810", 7: "1215175929", 11: "000001", 39: "00", 70: "301"},
    ]
    assert [(entry.direction, entry.connection) for entry in entries] == [
        (Direction.TO_HOST, "client-channel/127.0.0.1:10000"),
        (Direction.TO_TERMINAL, "client-channel/127.0.0.1:10000"),
    ]
    assert [entry.at_us for entry in entries] == [1_450_202_369_995_000, 1_450_202_370_009_000]
    assert told == []


def test_a_server_is_the_host_on_its_channel(tmp_path: Path) -> None:
    ask = message('<field id="11" value="1"/>')
    answer = message('<field id="11" value="1"/>', mti="0210", direction="outgoing", realm="server/192.0.2.9:4001")

    entries, _ = read(tmp_path / "q2.log", ask + answer)

    assert [entry.direction for entry in entries] == [Direction.TO_HOST, Direction.TO_TERMINAL]
    assert entries[0].at_us == 1_795_266_000_250_000


def test_messages_alone_are_read_a_millisecond_apart(tmp_path: Path) -> None:
    ask = '<isomsg><field id="0" value="0800"/><field id="70" value="301"/></isomsg>'

    entries, _ = read(tmp_path / "messages.xml", ask + ask + ask.replace("0800", "0810"))

    assert [(entry.at_us, entry.direction) for entry in entries] == [
        (0, Direction.TO_HOST),
        (1000, Direction.TO_HOST),
        (2000, Direction.TO_TERMINAL),
    ]


def test_values_are_unescaped_padded_and_put_in_the_dialects_form(tmp_path: Path) -> None:
    text = message(
        '<field id="4" value="1234"/>',
        '<field id="35" value="4111111111111111=30121010000012345"/>',
        '<field id="41" value="T1"/>',
        '<field id="43" value="Bar &amp; &lt;Grill&gt; &#34;x&#x22;"/>',
        '<field id="48"><![CDATA[<a b="c">&amp;</isomsg>]]></field>',
        '<field id="52" value="0123456789abcdef" type="binary"/>',
        '<field id="55" value="9F2608AABBCCDDEEFF0011" type="binary"/>',
    )

    (entry,), told = read(tmp_path / "q2.log", text)

    assert decoded(entry) == {
        0: "0200",
        4: "000000001234",
        35: "4111111111111111=30121010000012345",
        41: "T1      ",
        43: 'Bar & <Grill> "x"'.ljust(40),
        48: '<a b="c">&amp;</isomsg>',
        52: "0123456789ABCDEF",
        55: "\x9f\x26\x08\xaa\xbb\xcc\xdd\xee\xff\x00\x11",
    }
    assert told == []


def test_headers_and_packed_tracks_of_unionpay_are_kept(tmp_path: Path) -> None:
    fields = (
        "<header>6000030000603100310000</header>",
        '<field id="35" value="6212345678901234=3012"/>',
        '<field id="62" value="4142" type="binary"/>',
        '<field id="55" value="100"/>',  # not marked: its characters
    )

    (entry,), _ = read(tmp_path / "q2.log", message(*fields), "unionpay-pos")

    assert entry.frame[2:13].hex() == "6000030000603100310000"
    assert decoded(entry)[35] == "6212345678901234D3012"
    assert decoded(entry)[62] == "4142"
    assert decoded(entry)[55] == b"100".hex()


def test_composite_fields_are_put_together_by_number() -> None:
    text = (
        '<isomsg><field id="0" value="0200"/><isomsg id="48"><field id="2" value="BB"/><field id="1" value="A"/>'
        '<isomsg id="3"><field id="7" value="C7"/><field id="4" value="4434" type="binary"/></isomsg></isomsg></isomsg>'
    )

    assert fields_of(parsed(text), CODEC.dialect)[48] == "ABBD4C7"


def test_subfields_that_the_dialect_knows_stand_where_it_says() -> None:
    text = (
        '<isomsg><field id="0" value="0200"/><isomsg id="60"><field id="1" value="22"/><field id="2" value="7"/>'
        '<field id="3" value="0"/></isomsg></isomsg>'
    )

    assert fields_of(parsed(text), CUP.dialect)[60] == "22000007000"


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ('<field id="2" value="411111______1111"/>', "field 2: not a decimal digit"),
        ('<field id="65" value="1"/>', "field 65: is not in this dialect"),
        ('<field id="4" value="1234567890123"/>', "field 4: has not 12 characters"),
        ('<field id="48" value="xyz" type="binary"/>', "a field's number or value cannot be read"),
    ],
)
def test_a_message_that_cannot_be_said_is_left_out_and_told_without_its_value(
    tmp_path: Path, field: str, reason: str
) -> None:
    entries, told = read(tmp_path / "q2.log", ECHO + message(field))

    assert len(entries) == 2
    assert len(told) == 1
    assert told[0].startswith("1 message(s) left out; the first, at line 29: ")
    assert told[0].endswith(reason)
    assert "411111" not in told[0]


def test_fields_that_the_log_hides_whole_are_left_out(tmp_path: Path) -> None:
    (entry,), told = read(
        tmp_path / "q2.log", message('<field id="11" value="1"/>', '<field id="52" value="[WIPED]"/>')
    )

    assert decoded(entry) == {0: "0200", 11: "000001"}
    assert told == []


def test_a_log_cut_off_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "q2.log"
    path.write_text("\n".join(ECHO.splitlines()[:-5]))
    entries = []

    with read_any(path, ASCII) as recording:
        iterator = iter(recording)
        entries.append(next(iterator))
        with pytest.raises(CaptureCut, match="line 18: the file ends in the middle of a message"):
            next(iterator)


def test_a_message_that_the_next_event_interrupts_is_left_out(tmp_path: Path) -> None:
    interrupted = "\n".join(ECHO.splitlines()[:6]) + "\n"

    entries, told = read(tmp_path / "q2.log", interrupted + ECHO)

    assert len(entries) == 2
    assert told == ["1 message(s) left out; the first, before line 7: the message ends in the middle"]


def test_a_log_without_messages_says_so(tmp_path: Path) -> None:
    with pytest.raises(CaptureFault, match="no <isomsg> that a channel sent or received"):
        read(tmp_path / "q2.log", AROUND.format(""))


def test_a_log_of_another_dialect_says_which_message_did_not_fit(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureFault, match="no message of unionpay-pos in it: at line 9: unionpay-pos: field 7: is not in"
    ):
        read(tmp_path / "q2.log", ECHO, "unionpay-pos")


def test_what_was_logged_does_not_show_in_a_repr() -> None:
    logged = parsed('<isomsg><field id="2" value="4111111111111111"/></isomsg>')

    assert logged.fields[2].text == "4111111111111111"
    assert "4111" not in repr(logged)
