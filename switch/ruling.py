"""What the ledger decides by, from the settings: the rules, each listener's policy, the days, what counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from switch.config import Settings
from switch.decisions import Card, Merchant, Terminal
from switch.ledger.group import Rules
from switch.messages.dates import HostCalendar
from switch.messages.downloads import load_downloads
from switch.messages.model import Request
from switch.rules.account_classes import load_account_classes
from switch.rules.limits import Counter, counter_of, given_back, parsed
from switch.rules.rule import Policy
from switch.rules.rulebook import RULE_SET
from switch.rules.tries import tries_of
from switch.transactions.decide import decider
from switch.transactions.table import NEEDS
from switch.values import Pan
from switch.wire.dialect import load_dialect

_DAY_US: Final = 86_400_000_000


def rules_of(
    settings: Settings,
    calendar: HostCalendar,
    pan_key: Callable[[Pan], bytes],
    in_maintenance: Callable[[], bool] = lambda: False,
) -> Rules:
    """What the ledger decides by: the rules, each listener's policy, and what counts against limits.

    Raises `ConfigurationError` for a data file that makes no sense.
    """
    classes = load_account_classes()
    downloads = load_downloads()
    policies = {
        listener.name: Policy(
            listener.maximum_amount_minor,
            listener.sign_on == "required",
            listener.minimum_software,
            "batch" in load_dialect(listener.dialect).roles,
            classes,
            downloads,
        )
        for listener in settings.listeners
    }
    day_of = business_days(settings.cut_over, calendar)
    limited = counter_of(classes)

    def counters(
        request: Request, terminal: Terminal | None, merchant: Merchant | None, card: Card | None, business_day: date
    ) -> tuple[Counter, ...]:
        return limited(request, terminal, merchant, card, business_day) + tries_of(request, card, business_day)

    return Rules(decider(policies, in_maintenance), NEEDS, day_of, RULE_SET, parsed, counters, given_back, pan_key)


def business_days(cut_over: str, calendar: HostCalendar) -> Callable[[int], date]:
    """The business day of a moment: its local date, or from the cut-over's time on the next one's."""
    hours, _, minutes = cut_over.partition(":")
    early_us = -(int(hours) * 60 + int(minutes)) * 60_000_000 % _DAY_US
    return (lambda at: calendar.day_of(at + early_us)) if early_us else calendar.day_of
