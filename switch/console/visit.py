"""One look at the console: who looks, at what, in which language; and what a page is.

A page is a function from a `Visit` to what is `Shown`: it reads the books in a worker thread, never on the event
loop, and knows nothing of HTTP. Its template gets the facts, ``visit``, and ``t`` for its texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from switch.console.words import translator
from switch.ledger.maintenance import OFF, Maintenance
from switch.office.acts import Desk
from switch.office.roles import Actor, Permission, may

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at what. ``where`` are the path's parameters, ``query`` the query's, ``csrf`` what forms carry."""

    desk: Desk
    actor: Actor
    csrf: str
    path: str
    where: Mapping[str, str]
    query: Mapping[str, str]
    language: str
    maintenance: Maintenance = OFF
    """Told on every page while it is on."""
    is_part: bool = False
    """Whether only the changing part of the page is asked for (an htmx request)."""
    form: Mapping[str, str] = field(default_factory=dict)
    """What was sent to a page that asks something which must not stand in a URL; {} where it was not."""

    def t(self, text: str) -> str:
        """Return a text of ours in the visit's language."""
        return translator(self.language)(text)

    def may(self, permission: str) -> bool:
        """Whether to offer an act."""
        return may(self.actor, Permission(permission))

    def moment(self, at: int | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a moment of the books (microseconds since 1970, UTC) as people here read it; "" for none."""
        if at is None:
            return ""
        return datetime.fromtimestamp(at / _MICROSECONDS, self.desk.settings.zone).strftime(form)


class Download(NamedTuple):
    """A file to be kept, not looked at: its name (ASCII, no quotes), its media type, its text."""

    name: str
    kind: str
    content: str


class Shown(NamedTuple):
    """What a page shows: a template of ``switch/console/templates``, its facts, the status it is answered with.

    With ``to`` it shows nothing but leads to another page, with ``download`` it hands out a file.
    """

    template: str
    facts: Mapping[str, object]
    status: int = 200
    to: str = ""
    download: Download | None = None


View = Callable[[Visit], Shown]


class Page(NamedTuple):
    """One page: where it is (a Starlette path), what makes it, and what its visitor must be allowed.

    A page that ``takes_form`` may be sent one of its own (with ``csrf``): it changes nothing by it.
    """

    path: str
    view: View
    permission: Permission = Permission.LOOK
    takes_form: bool = False
