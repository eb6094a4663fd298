from __future__ import annotations

from switch.terminals.presence import Presence


def test_a_terminal_is_there_while_one_of_its_connections_is() -> None:
    presence = Presence()
    presence.arrived("T1")
    presence.arrived("T1")
    presence.arrived("T2")

    presence.left({"T1"})
    with_one_left = len(presence)
    presence.left({"T1", "T2"})

    assert (with_one_left, len(presence)) == (2, 0)
