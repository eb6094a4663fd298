"""Names of the tags that chips put into field 55 (EMV Book 3 annex A), and which of them must not be shown."""

from __future__ import annotations

from typing import Final

from switch.wire.fields import Show

# fmt: off
NAMES: Final[dict[str, str]] = {
    "42":   "issuer identification number",     "4F":   "application identifier",
    "50":   "application label",                "57":   "track 2 equivalent data",
    "5A":   "primary account number",           "5F20": "cardholder name",
    "5F24": "expiry YYMMDD",                    "5F25": "effective date YYMMDD",
    "5F2A": "transaction currency",             "5F34": "PAN sequence number",
    "70":   "record template",                  "71":   "issuer script 1",
    "72":   "issuer script 2",                  "77":   "response template",
    "82":   "application interchange profile",  "84":   "dedicated file name",
    "86":   "issuer script command",            "8A":   "authorisation response code",
    "8E":   "cardholder verification methods",  "91":   "issuer authentication data",
    "95":   "terminal verification results",    "99":   "PIN data",
    "9A":   "transaction date YYMMDD",          "9B":   "transaction status information",
    "9C":   "transaction type",                 "9F02": "amount, authorised",
    "9F03": "amount, other",                    "9F06": "application identifier, terminal",
    "9F09": "application version, terminal",    "9F10": "issuer application data",
    "9F1A": "terminal country",                 "9F1E": "interface device serial number",
    "9F1F": "track 1 discretionary data",       "9F20": "track 2 discretionary data",
    "9F21": "transaction time hhmmss",          "9F26": "application cryptogram",
    "9F27": "cryptogram information data",      "9F33": "terminal capabilities",
    "9F34": "verification method results",      "9F35": "terminal type",
    "9F36": "application transaction counter",  "9F37": "unpredictable number",
    "9F41": "transaction sequence counter",     "9F53": "transaction category",
    "9F63": "product identification",           "9F6B": "track 2 data, contactless",
    "9F6E": "form factor indicator",            "9F74": "electronic cash authorisation code",
    "DF31": "issuer script results",            "DF32": "chip serial number",
}

SHOWN: Final[dict[str, Show]] = {
    "56":   "secret",  # track 1 of a contactless card
    "57":   "track",
    "5A":   "pan",
    "5F20": "secret",
    "5F24": "clear",
    "99":   "secret",
    "9F0B": "secret",  # cardholder name, extended
    "9F1F": "secret",
    "9F20": "secret",
    "9F6B": "track",
}
# fmt: on


def chip_value(tag: str, value: bytes) -> tuple[str, Show]:
    """Return a tag's value in upper-case hex, and how it may be shown. Unknown tags could hide a card number."""
    text = value.hex().upper()
    show = SHOWN.get(tag, "clear" if tag in NAMES else "free")
    return (text.rstrip("F") if show in {"pan", "track"} else text), show
