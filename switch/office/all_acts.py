"""All changes that a person can make, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from switch.office.acts import Act
from switch.office.batch_acts import BATCH_ACTS
from switch.office.key_acts import KEY_ACTS
from switch.office.maintenance import MAINTENANCE_ACTS
from switch.office.notes import NOTE_ACTS
from switch.office.party_acts import PARTY_ACTS
from switch.office.settlement_acts import SETTLEMENT_ACTS
from switch.office.taps import TAP_ACTS
from switch.office.token_acts import TOKEN_ACTS

ACTS: Final[Mapping[str, Act]] = {
    act.name: act
    for act in (
        *PARTY_ACTS,
        *TOKEN_ACTS,
        *NOTE_ACTS,
        *TAP_ACTS,
        *MAINTENANCE_ACTS,
        *SETTLEMENT_ACTS,
        *BATCH_ACTS,
        *KEY_ACTS,
    )
}
