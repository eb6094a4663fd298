"""What terminals fetch: CA public keys, application identifiers (AIDs), parameters."""

from __future__ import annotations


class Downloads:
    """All that can be fetched, by topic (``ca_keys``, ``aids``, ``parameters``)."""

    def listed(self, topic: str, asked: bytes) -> bytes | None:
        """The answer to a query: what there is, from the position that ``asked`` names; None for an unknown topic."""
        raise NotImplementedError

    def item(self, topic: str, asked: bytes) -> bytes | None:
        """One item by the name in ``asked``; None where there is no such."""
        raise NotImplementedError
