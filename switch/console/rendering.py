"""Turns what is shown into HTML: Jinja templates, everything escaped, formats that all pages share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from switch import __version__
from switch.console.visit import Shown, Visit
from switch.console.words import translator
from switch.values import Money

TEMPLATES: Final = Path(__file__).with_name("templates")

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,  # a misspelt fact is a fault, not a blank
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def rendered(shown: Shown, visit: Visit) -> str:
    """Return a page's HTML."""
    template = _ENVIRONMENT.get_template(shown.template)
    return template.render(visit=visit, t=visit.t, version=__version__, money=_money, words=_words, **shown.facts)


def rendered_bare(template: str, language: str, **facts: object) -> str:
    """Return a page for somebody who is not logged in."""
    return _ENVIRONMENT.get_template(template).render(
        t=translator(language), language=language, version=__version__, **facts
    )


def _money(minor: int | None, currency: str) -> str:
    return "" if minor is None else str(Money(minor, currency))


def _words(facts: object) -> str:
    """Show a value of the trace, or a small mapping, in one line."""
    if isinstance(facts, str):
        return facts
    if isinstance(facts, dict):
        return ", ".join(f"{name} {value}" for name, value in facts.items())
    return json.dumps(facts, ensure_ascii=False)
