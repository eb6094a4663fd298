"""The demo's fixed keys, which everybody can read in the README: no database but a demo's takes them."""

from __future__ import annotations

from typing import Final

DEMO_TERMINAL_MASTER: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
DEMO_CVK: Final = DEMO_TERMINAL_MASTER
DEMO_ISSUER_MASTER: Final = bytes.fromhex("9E15204313F7318ACB79B90BD986AD29")
"""For application cryptograms."""
DEMO_BDK: Final = DEMO_TERMINAL_MASTER
DEMO_BDK_AES: Final = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
"""Base derivation keys: those of the standards' published examples (ANSI X9.24-1 and X9.24-3)."""

_NO_PARITY: Final = 0xFE  # the lowest bit of each byte of a DES key is parity: ciphers ignore it


def is_demo_key(key: bytes) -> bool:
    """Whether ``key`` enciphers as one of the demo's does: parity bits and a third part like the first do not count."""
    return _plain(key) in _PLAIN_DEMO_KEYS


def _plain(key: bytes) -> bytes:
    plain = bytes(byte & _NO_PARITY for byte in key)
    return plain[:16] if plain[16:] == plain[:8] else plain


_PLAIN_DEMO_KEYS: Final = frozenset(
    _plain(key) for key in (DEMO_TERMINAL_MASTER, DEMO_CVK, DEMO_ISSUER_MASTER, DEMO_BDK, DEMO_BDK_AES)
)
