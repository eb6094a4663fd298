"""The console's languages: English is written in the pages, Chinese is found by it.

A page writes each text in English, in a call of ``t``; `specs/console/chinese.toml` has the Chinese of each. What
it lacks is shown in English (a test finds it).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from switch.data_files import specs_directory

LANGUAGES: Final = ("en", "zh")

Translate = Callable[[str], str]


def translator(language: str) -> Translate:
    """Return what puts a text of the pages into ``language``."""
    if language != "zh":
        return _as_it_is
    chinese = chinese_words()
    return lambda text: chinese.get(text, text)


@cache
def chinese_words() -> Mapping[str, str]:
    """The Chinese of each English text. Raises tomllib.TOMLDecodeError for a file that is not TOML."""
    path = specs_directory() / "console" / "chinese.toml"
    return {str(english): str(chinese) for english, chinese in tomllib.loads(path.read_text("utf-8")).items()}


def preferred(accepted: str) -> str:
    """Return the language of ours that comes first in an Accept-Language header (RFC 9110, 12.5.4; weights aside)."""
    for part in accepted.split(","):
        primary = part.partition(";")[0].strip().partition("-")[0].lower()
        if primary in LANGUAGES:
            return primary
    return LANGUAGES[0]


def _as_it_is(text: str) -> str:
    return text
