"""An operator at work, in Debian's Chromium: finds a decline, reads why, mends it, sees the next sale approved.

Screenshots are kept in ``build/screenshots``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import trio

from switch.tools.client import connect
from switch.wire.dialect import load_dialect
from tests.cli.test_demo import free_port_base

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright here")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here (Debian: apt-get install chromium)")

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
START_DEADLINE_MS = 60_000
FROZEN_PAN = "5555555555554444"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is up: its ports count from ``base``; ``tokens`` by role."""

    base: int
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.base}"

    def buy(self, stan: int) -> str:
        """Have TERM0001 sell something to the frozen card; return DE 39."""
        told: list[str] = []

        async def ask() -> None:
            now = datetime.now(ZoneInfo("Asia/Shanghai"))
            fields = {
                0: "0200", 2: FROZEN_PAN, 3: "000000", 4: "000000001000", 7: f"{now:%m%d%H%M%S}", 11: f"{stan:06d}",
                12: f"{now:%H%M%S}", 13: f"{now:%m%d}", 22: "021", 25: "00", 41: "TERM0001", 42: "MERCHANT0000001",
                49: "156",
            }  # fmt: skip
            async with connect(load_dialect("iso8583-1987-ascii"), "127.0.0.1", self.base + 3) as client:
                told.append((await client.ask(fields))[39])

        buying = threading.Thread(target=trio.run, args=(ask,))  # Playwright has a loop of its own in this thread
        buying.start()
        buying.join()
        return told[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    base = free_port_base()
    command = [sys.executable, "-m", "switch", "demo", "--directory", str(tmp_path_factory.mktemp("demo") / "d")]
    process = subprocess.Popen([*command, "--port-base", str(base)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        tokens: dict[str, str] = {}
        for line in process.stdout:
            if found := re.match(r"\s+(operator|officer|finance)\s+(swt_\S+)", line):
                tokens[found[1]] = found[2]
            if "Ctrl-C ends" in line:
                break
        assert set(tokens) == {"operator", "officer", "finance"}
        yield Demo(base, tokens)
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@contextmanager
def a_page(chromium: Browser, demo: Demo, role: str, **context: Any) -> Iterator[Page]:
    """Somebody who is logged in, with no one else's cookies. What the browser complains about on the way is a failure."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}, **context) as visit:
        page = visit.new_page()
        page.set_default_timeout(START_DEADLINE_MS)
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{demo.url}/")
        page.fill("#token", demo.tokens[role])
        page.click("main button")
        page.wait_for_url("**/transactions")
        yield page
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_an_operator_finds_a_decline_reads_why_unfreezes_the_card_and_sees_the_next_sale_approved(
    chromium: Browser, demo: Demo
) -> None:
    assert demo.buy(900_001) == "62"

    with a_page(chromium, demo, "operator") as page:
        page.select_option("select[name=action]", "card_frozen")
        page.click("form.filters button")
        shoot(page, "1-declined")
        page.click("tbody tr:first-child a")
        why = page.inner_text("section.alarm")
        assert "Why was this declined?" in why
        assert "frozen" in why
        shoot(page, "2-why")

        page.click("text=To the card")
        assert FROZEN_PAN not in page.content()
        shoot(page, "3-the-card")
        page.click("form:has(input[value='card.unfreeze']) button")
        page.wait_for_selector("form:has(input[value='card.freeze']) button")
        shoot(page, "4-unfrozen")

        assert demo.buy(900_002) == "00"
        page.goto(f"{demo.url}/transactions?terminal=TERM0001")
        assert "approved" in page.inner_text("tbody tr:first-child")
        shoot(page, "5-approved")

    with a_page(chromium, demo, "officer") as page:
        page.goto(f"{demo.url}/changes")
        assert "card.unfreeze" in page.inner_text("main")
        shoot(page, "6-changes")


def test_the_list_refreshes_by_itself(chromium: Browser, demo: Demo) -> None:
    with a_page(chromium, demo, "operator") as page:
        demo.buy(900_003)

        page.wait_for_selector("td:has-text('900003')")

        assert "900003" in page.inner_text("tbody")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_shows_itself_in_chinese_and_fits_a_telephone(chromium: Browser, demo: Demo, scheme: str) -> None:
    with a_page(chromium, demo, "finance", locale="zh-CN", color_scheme=scheme) as page:
        paths = [link.get_attribute("href") or "" for link in page.locator("nav a").all()]
        assert len(paths) > 5
        for path in paths:
            answer = page.goto(f"{demo.url}{path}")
            assert answer is not None
            assert answer.status == 200, path
            shoot(page, f"zh-{scheme}{path.replace('/', '-')}")
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{demo.url}/transactions")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_without_a_script_it_is_read_and_changed_all_the_same(chromium: Browser, demo: Demo) -> None:
    with a_page(chromium, demo, "operator", java_script_enabled=False) as page:
        page.goto(f"{demo.url}/terminals/TERM0002")
        page.click("form:has(input[value='terminal.unlock']) button")

        page.wait_for_selector("form:has(input[value='terminal.lock']) button")

        assert page.locator("form:has(input[value='terminal.unlock'])").count() == 0
