"""Readers keep what they need for the next entry, never the file: measured in a process of its own."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry
from switch.capture.files import CaptureWriter, Head
from tests.capture.wires import ACK, FIN, HOST, SYN, Shot, echo, ethernet, ip, pcap, purchase

READ_ALL = """
import sys
from pathlib import Path
from switch.capture.reading import read_any

with read_any(Path(sys.argv[1]), "iso8583-1987-ascii") as recording:
    count = sum(1 for _ in recording)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(count, int(peak.split()[1]) // 1024)
"""
GROWTH_MB = 6
PEAK_MB = 120


def peak_mb(path: Path, entries: int) -> int:
    """Memory at most in use by a process that reads a file of so many entries."""
    told = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(path)], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    count, peak = map(int, told.split())
    assert count == entries
    return peak


def capture_of(path: Path, entries: int) -> Path:
    asks = [purchase(number) for number in range(1000)]
    with CaptureWriter(path, Head(dialect="iso8583-1987-ascii")) as capture:
        for number in range(entries):
            capture.write(Entry(number * 1000, f"terminal {number % 500}", Direction.TO_HOST, asks[number % 1000]))
    return path


def short_connections(count: int) -> Iterator[Shot]:
    """Connections that open, ask once, and vanish: half of them say good-bye, none of them is answered."""
    ask = purchase(1)
    for number in range(count):
        terminal = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 40_000)
        yield Shot(terminal, HOST, 1, SYN)
        yield Shot(terminal, HOST, 2, ACK, ask)
        if number % 2:
            yield Shot(terminal, HOST, 2 + len(ask), ACK | FIN)


def long_connection_with_holes(count: int) -> Iterator[Shot]:
    """One connection in which every tenth segment is missing."""
    terminal = ("192.0.2.7", 49152)
    ask = echo(1)
    yield Shot(terminal, HOST, 1, SYN)
    for number in range(count):
        if number % 10 != 9:
            yield Shot(terminal, HOST, 2 + number * len(ask), ACK, ask)


def pcap_of(path: Path, shots: Iterator[Shot]) -> Path:
    with path.open("wb") as file:
        file.write(pcap([]))
        for number, shot in enumerate(shots):
            packet = ethernet(ip(shot))
            file.write(struct.pack("<IIII", number // 1000, number % 1000 * 1000, len(packet), len(packet)) + packet)
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory as Linux does only")
def test_memory_does_not_grow_with_a_capture(tmp_path: Path) -> None:
    small = peak_mb(capture_of(tmp_path / "small.capture", 5_000), 5_000)
    large = peak_mb(capture_of(tmp_path / "large.capture", 125_000), 125_000)

    assert (tmp_path / "large.capture").stat().st_size > 30_000_000
    assert large - small <= GROWTH_MB
    assert large <= PEAK_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory as Linux does only")
def test_memory_does_not_grow_with_a_pcap_full_of_holes(tmp_path: Path) -> None:
    small = peak_mb(pcap_of(tmp_path / "small.pcap", long_connection_with_holes(20_000)), 1 + 18_000)
    large = peak_mb(pcap_of(tmp_path / "large.pcap", long_connection_with_holes(80_000)), 1 + 72_000)

    assert large - small <= GROWTH_MB
    assert large <= PEAK_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory as Linux does only")
def test_memory_does_not_grow_with_connections_that_are_gone(tmp_path: Path) -> None:
    small = peak_mb(pcap_of(tmp_path / "small.pcap", short_connections(21_000)), 2 * 21_000 + 10_500)
    large = peak_mb(pcap_of(tmp_path / "large.pcap", short_connections(45_000)), 2 * 45_000 + 22_500)

    assert large - small <= 2 * GROWTH_MB
    assert large <= PEAK_MB
