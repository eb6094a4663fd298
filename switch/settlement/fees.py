"""What a merchant pays for a sale: the fee plans of ``specs/rules/fee_plans.toml``, checked, and their arithmetic.

Everything is integers: rates in basis points, amounts in minor units of the merchant's currency.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.messages.settlement import DOMESTIC_PREFIX

UNIONPAY, VISA, MASTERCARD, OTHER = SCHEMES = ("unionpay", "visa", "mastercard", "other")
"""The schemes that plans tell apart; every other one is ``other``."""

DEBIT, CREDIT, PREPAID = CARD_TYPES = ("debit", "credit", "prepaid")

_BASIS: Final = 10_000  # basis points in the whole
_MASTERCARD_RANGES: Final = (("510000", "559999"), ("222100", "272099"))  # ISO/IEC 7812, first six digits
_TYPES: Final = {"I": DEBIT, "II": DEBIT, "III": DEBIT, "prepaid": PREPAID}

_Minor = Annotated[int, Field(ge=0, le=999_999_999_999, strict=True)]


class Rate(BaseModel):
    """What one sale costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis_points: Annotated[int, Field(ge=0, le=_BASIS, strict=True)]
    fixed_minor: _Minor = 0
    minimum_minor: _Minor = 0
    cap_minor: _Minor | None = None

    @model_validator(mode="after")
    def _fits(self) -> Rate:
        if self.cap_minor is not None and self.cap_minor < self.minimum_minor:
            raise ValueError("the cap is below the minimum")
        return self

    def fee(self, amount_minor: int) -> int:
        """Return the fee for a sale of ``amount_minor``, which is not negative: rounded half up, within its bounds."""
        fee = (2 * amount_minor * self.basis_points + _BASIS) // (2 * _BASIS) + self.fixed_minor
        fee = max(fee, self.minimum_minor)
        return fee if self.cap_minor is None else min(fee, self.cap_minor)


_Scheme = Annotated[str, Field(pattern=f"^({'|'.join(SCHEMES)})$")]
_CardType = Annotated[str, Field(pattern=f"^({'|'.join(CARD_TYPES)})$")]
_FILE: Final = TypeAdapter(dict[str, dict[_Scheme, dict[_CardType, Rate]]])


class FeePlan:
    """The rates of one plan, by scheme and card type."""

    def __init__(self, schemes: Mapping[str, Mapping[str, Rate]]) -> None:
        self._rates = {
            (scheme, card_type): schemes.get(scheme, schemes[OTHER])[card_type]
            for scheme in SCHEMES
            for card_type in CARD_TYPES
        }

    def rate(self, scheme: str, card_type: str) -> Rate:
        """Return the rate for one of `SCHEMES` and one of `CARD_TYPES`."""
        return self._rates[scheme, card_type]


FeePlans = Mapping[str, FeePlan]
"""Plans by name."""


def load_fee_plans(path: Path | None = None) -> FeePlans:
    """Return the fee plans in ``path`` or in the specs of the program.

    Raises `ConfigurationError` with file, plan and reason for what is no plan, or lacks a rate.
    """
    file = path or specs_directory() / "rules" / "fee_plans.toml"
    try:
        plans = _FILE.validate_python(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        problems = [f"{file}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ConfigurationError("\n".join(problems)) from None
    return {name: _plan(file, name, schemes) for name, schemes in plans.items()}


def plan_named(plans: FeePlans, name: str) -> FeePlan | None:
    """Return the plan of a name; "" names none, and costs nothing. Raises `ConfigurationError` for an unknown one."""
    if name and name not in plans:
        raise ConfigurationError(f"there is no such fee plan; there are {', '.join(sorted(plans)) or 'none'}")
    return plans.get(name)


def _plan(file: Path, name: str, schemes: Mapping[str, Mapping[str, Rate]]) -> FeePlan:
    if OTHER not in schemes:
        raise ConfigurationError(f"{file}: {name}: there is no table for other schemes ([{name}.{OTHER}])")
    for scheme, rates in schemes.items():
        missing = [card_type for card_type in CARD_TYPES if card_type not in rates]
        if missing:
            raise ConfigurationError(f"{file}: {name}.{scheme}: there is no rate for {', '.join(missing)}")
    return FeePlan(schemes)


# --- whose card it is --------------------------------------------------------------------------------------


def scheme_of(scheme: str, card_bin: str) -> str:
    """Return which of `SCHEMES` a card is of: as it says itself, else by its first six digits.

    What has neither is a pay code, and those are UnionPay's, as in a terminal's totals.
    """
    if scheme:
        return scheme if scheme in SCHEMES else OTHER
    if not card_bin or card_bin.startswith(DOMESTIC_PREFIX):
        return UNIONPAY
    if card_bin.startswith("4"):
        return VISA
    return MASTERCARD if any(low <= card_bin <= high for low, high in _MASTERCARD_RANGES) else OTHER


def card_type_of(account_class: str) -> str:
    """Return which of `CARD_TYPES` a card is of, by the class of its account.

    Classes I to III are those of debit accounts (PBoC notice Yinfa [2015] 392), prepaid cards have their own; an
    account of any other class, or of none, is taken for a credit card's.
    """
    return _TYPES.get(account_class, CREDIT)
