"""The dashboards, in the order in which an operator looks at them."""

from __future__ import annotations

from typing import Final

from observability.dashboards.books import BOOKS
from observability.dashboards.declines import DECLINES
from observability.dashboards.runtime import RUNTIME
from observability.dashboards.service import SERVICE
from observability.dashboards.terminals import TERMINALS
from observability.panels import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (SERVICE, TERMINALS, DECLINES, BOOKS, RUNTIME)
