from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.office.acts import Desk
from tests.desks import a_desk


@pytest.fixture
def desk(sqlite_database: str, tmp_path: Path) -> Iterator[Desk]:
    with a_desk(sqlite_database, tmp_path) as opened:
        yield opened
