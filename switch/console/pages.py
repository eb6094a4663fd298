"""All pages of the console."""

from __future__ import annotations

from typing import Final

from switch.console.visit import Page

PAGES: Final[tuple[Page, ...]] = ()
