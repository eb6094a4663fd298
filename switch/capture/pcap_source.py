"""Entries of a pcap or pcapng file: packets, segments, streams, frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from switch.capture.conversations import Conversations
from switch.capture.entry import Entry, Event
from switch.capture.faults import CaptureFault
from switch.capture.packets import knows_link, segment_of
from switch.capture.pcap import Opened, Packet, pcap_packets
from switch.capture.pcapng import pcapng_packets
from switch.capture.source import ForeignSource
from switch.wire.codec import Codec


class PcapSource(ForeignSource):
    """Reads packets; the dialect must be known, since it says how streams are cut into frames.

    ``host_port`` (0: any) picks the connections to read and says which side is the host.
    """

    def __init__(self, path: Path, codec: Codec, host_port: int = 0, *, is_pcapng: bool = False) -> None:
        super().__init__(path, codec.dialect.name)
        self._codec = codec
        self._host_port = host_port
        self._packets: Callable[[Opened], Iterator[Packet]] = pcapng_packets if is_pcapng else pcap_packets

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries. Raises `CaptureFault` at the end where there was no message of the dialect at all."""
        conversations = Conversations(self._codec, self.losses, host_port=self._host_port)
        cut: CaptureFault | None = None
        packets = frames = segments = 0
        links: set[int] = set()
        try:
            for packet in self._packets(Opened(self.path, self._file)):
                packets += 1
                segment = segment_of(packet, self.losses)
                if segment is None:
                    links.add(packet.link_type)
                    continue
                segments += 1
                for entry in conversations.take(segment, packet.at_us):
                    frames += entry.event is Event.FRAME
                    yield entry
        except CaptureFault as fault:  # what is whole is handed out first
            cut = fault
        for entry in conversations.finish():
            frames += entry.event is Event.FRAME
            yield entry
        if cut is not None:
            raise cut
        if not frames:
            raise CaptureFault(self.path, "", self._why_nothing(packets, segments, links))

    def _why_nothing(self, packets: int, segments: int, links: set[int]) -> str:
        unknown = sorted(link for link in links if not knows_link(link))
        if not packets:
            return "no packets in it"
        if not segments and unknown:
            return f"packets of link type {unknown[0]} cannot be read"
        if not segments:
            return f"no TCP segments in its {packets} packets"
        where = f" to port {self._host_port}" if self._host_port else ""
        dialect = self.head.dialect
        return f"no message of {dialect} in its {segments} TCP segments{where}: another dialect, or another port?"
