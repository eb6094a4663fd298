"""The page as a browser shows it: what is not drawn cannot be read. Skipped where there is no Chromium."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from switch.reports.page import page
from switch.reports.results import Results
from tests.reports.sample_results import a_knee_search, nothing_answered

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here (Debian: apt-get install chromium)")


def browse(folder: Path, run: Results, *arguments: str) -> str:
    file = folder / "page.html"
    file.write_text(page(run), "utf-8")
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", *arguments, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def rows_of_png(path: Path) -> list[bytes]:
    """The rows of a PNG of eight bits a channel as they are after filtering (PNG 1.2, clause 6): enough to tell blanks."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    packed, at, width, channels = b"", 8, 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, channels = struct.unpack(">I", body[:4])[0], {2: 3, 6: 4}[body[9]]
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    raw, row_bytes = zlib.decompress(packed), 1 + width * channels
    return [raw[start : start + row_bytes] for start in range(0, len(raw), row_bytes)]


def share_with_something(rows: list[bytes]) -> float:
    """The share of rows on which more than one colour stands: filtered, a row of one colour has few values."""
    return sum(len(set(row[1:])) > 8 for row in rows) / len(rows)


@pytest.mark.parametrize("width", [500, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screenshot_of_the_page_is_not_blank(tmp_path: Path, width: int, scheme: str) -> None:
    file = tmp_path / "page.png"
    dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()

    browse(tmp_path, a_knee_search(), f"--screenshot={file}", f"--window-size={width},2600", *dark)

    rows = rows_of_png(file)
    assert len(rows) == 2600
    assert share_with_something(rows) > 0.3


def test_the_browser_has_every_picture(tmp_path: Path) -> None:
    tree = browse(tmp_path, a_knee_search(), "--dump-dom")

    assert tree.count('class="chart') == 4
    assert [key for key in ("throughput", "latency", "distribution", "knee") if f'id="{key}"' not in tree] == []
    assert tree.count("<path") == 7


def test_a_page_without_answers_is_shown(tmp_path: Path) -> None:
    tree = browse(tmp_path, nothing_answered(), "--dump-dom")

    assert "Nothing was answered" in tree


def test_the_page_prints(tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"

    browse(tmp_path, a_knee_search(), f"--print-to-pdf={file}")

    assert file.read_bytes().startswith(b"%PDF-")
