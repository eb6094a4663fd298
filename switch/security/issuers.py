"""The keys of card issuers, by the range of card numbers that they are for: the longest prefix that fits is it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.messages.chip import ChipData
from switch.messages.issuer_data import Scheme
from switch.security.cryptogram_methods import CryptogramMethod, read_method
from switch.security.key_blocks import KeyUsage, check_owner, range_owner
from switch.security.pin_checks import NaturalPin, read_natural_pin
from switch.values import Pan

IF_LAID_OUT: Final = "if_laid_out"
"""Method of a card verification key: a stripe's code counts only where key index and PIN value beside it are the
card's own, which tells that the stripe is laid out in the usual way. For cards that were not all made alike."""

_SCHEMES: Final = (("62", Scheme.UNIONPAY), ("4", Scheme.VISA), ("5", Scheme.MASTERCARD), ("2", Scheme.MASTERCARD))
_APPLICATIONS: Final = {
    "A000000333": Scheme.UNIONPAY,
    "A000000003": Scheme.VISA,
    "A000000004": Scheme.MASTERCARD,
}
"""The registered provider that an application identifier begins with (ISO/IEC 7816-5)."""

_RID_DIGITS: Final = 10
_PREFIX_MAX: Final = 12


class IssuerKeyRow(NamedTuple):
    """One key as it is kept: ``method`` says how it is used where not in the scheme's own way."""

    prefix: str
    usage: str
    key_index: str
    block: str
    method: str


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """One key, ready for use.

    ``cryptograms`` is set where it is for them: the method for each scheme; ``natural_pin`` where it makes PINs.
    """

    block: str
    key_index: str
    method: str = ""
    cryptograms: Mapping[Scheme, CryptogramMethod] = field(default_factory=dict)
    natural_pin: NaturalPin = field(default_factory=NaturalPin)

    def method_for(self, chip: ChipData, pan: Pan) -> CryptogramMethod | None:
        """Return how this chip makes cryptograms: as the scheme of its application does, else that of its number.

        A card of two brands holds an application of each under one number, and one issuer's key.
        """
        scheme = _APPLICATIONS.get(chip.aid[:_RID_DIGITS]) or scheme_of(pan.bin)
        return self.cryptograms.get(scheme) if scheme is not None else None


class Issuers:
    """All issuers' keys of one moment.

    Raises `ConfigurationError` for a method that cannot be read, and for a key that is another range's.
    """

    def __init__(self, rows: Iterable[IssuerKeyRow] = ()) -> None:
        self._keys: dict[tuple[str, str], dict[str, IssuerKey]] = {}
        for row in rows:
            self._keys.setdefault((row.prefix, row.usage), {})[row.key_index] = _ready(row)
        self.usages: frozenset[str] = frozenset(usage for _, usage in self._keys)
        self._sizes = sorted({len(prefix) for prefix, _ in self._keys}, reverse=True)

    def has(self, pan: Pan, usage: KeyUsage) -> bool:
        """Whether there is any key of a usage for a card's range: which one, the card says."""
        digits = pan.reveal()
        return any((digits[:size], usage) in self._keys for size in self._sizes)

    def find(self, pan: Pan, usage: KeyUsage, key_index: str = "") -> IssuerKey | None:
        """Return the key for a card: the one of that index, else the one without an index, else the only one."""
        digits = pan.reveal()
        for size in self._sizes:
            keys = self._keys.get((digits[:size], usage))
            if keys:
                return _chosen(keys, key_index)
        return None

    def __repr__(self) -> str:
        return f"Issuers({len(self._keys)} keys)"


def scheme_of(prefix: str) -> Scheme | None:
    """Return the scheme that a card number belongs to by its first digits (ISO/IEC 7812); None if not one we know."""
    return next((scheme for start, scheme in _SCHEMES if prefix.startswith(start)), None)


def check_range(prefix: str, usage: KeyUsage, method: str) -> None:
    """Raise `ConfigurationError` for a prefix or method that no key can have."""
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= _PREFIX_MAX):
        raise ConfigurationError(f"a range of cards is named by 1 to {_PREFIX_MAX} digits of their numbers")
    _ready(IssuerKeyRow(prefix, usage, "", "", method))


def _chosen(keys: Mapping[str, IssuerKey], key_index: str) -> IssuerKey | None:
    found = keys.get(key_index) or keys.get("")
    return next(iter(keys.values())) if found is None and len(keys) == 1 else found


def _ready(row: IssuerKeyRow) -> IssuerKey:
    check_owner(row.block, range_owner(row.prefix, row.key_index))
    if row.usage == KeyUsage.CVK and row.method not in {"", IF_LAID_OUT}:
        raise ConfigurationError(f"issuer key {row.prefix} {row.usage}: the method is {IF_LAID_OUT} or nothing")
    try:
        if row.usage == KeyUsage.PIN_NATURAL:
            return IssuerKey(row.block, row.key_index, row.method, natural_pin=read_natural_pin(row.method))
        if row.usage != KeyUsage.ISSUER_CRYPTOGRAM:
            return IssuerKey(row.block, row.key_index, row.method)
        methods = {scheme: read_method(scheme, row.method) for scheme in Scheme}
        return IssuerKey(row.block, row.key_index, row.method, methods)
    except ValueError as error:
        raise ConfigurationError(f"issuer key {row.prefix} {row.usage}: {error}") from None
