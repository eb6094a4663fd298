from __future__ import annotations

import pytest

from switch.office.acts import Desk


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    return sqlite_desk
