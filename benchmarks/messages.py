"""Purchases in iso8583-1987-ascii, and the merchants, terminals and cards they need in the books."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

CURRENCY = "156"
ZONE = ZoneInfo("Asia/Shanghai")  # the default of the settings
EXPIRY_YYMM = "3012"
CARDS = 1000
TERMINALS = 100
TERMINALS_PER_MERCHANT = 4
PURCHASE_FIELDS = (2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 35, 37, 41, 42, 49)
BALANCE_MINOR = 10**11  # nobody runs out of money during a measurement


def write_purchases(path: Path, count: int) -> None:
    """Write ``count`` different purchases, one in hex on each line."""
    chance = random.Random(8583)
    bitmap = sum(1 << (64 - field) for field in PURCHASE_FIELDS)
    now = datetime.now(ZONE)
    day, clock = f"{now:%m%d}", f"{now:%H%M%S}"
    cards = [card_number(index) for index in range(CARDS)]
    with path.open("w", encoding="ascii") as file:
        for number in range(1, count + 1):
            pan = chance.choice(cards)
            terminal = chance.randrange(TERMINALS)
            track = f"{pan}={EXPIRY_YYMM}1010000012345"
            body = (
                f"0200{bitmap:016X}{len(pan):02d}{pan}000000{chance.randrange(100, 20_000):012d}{day}{clock}"
                f"{number % 1_000_000:06d}{clock}{day}{EXPIRY_YYMM}541102100{len(track):02d}{track}{number:012d}"
                f"{terminal_id(terminal)}{merchant_id(terminal // TERMINALS_PER_MERCHANT)}{CURRENCY}"
            )
            file.write(body.encode("ascii").hex() + "\n")


def write_books(
    folder: Path, *, cards: int = CARDS, terminals: int = TERMINALS, terms: tuple[str, str] = ("", "")
) -> None:
    """Write merchants.csv, terminals.csv and cards.csv as `switch import` takes them.

    ``terms`` are every merchant's fee plan, and what agents get of its fees.
    """
    merchants = [
        (merchant_id(index), f"Shop {index}", CURRENCY, *terms)
        for index in range(-(-terminals // TERMINALS_PER_MERCHANT))
    ]
    places = [(terminal_id(index), merchant_id(index // TERMINALS_PER_MERCHANT)) for index in range(terminals)]
    write_csv(folder / "merchants.csv", ("merchant_id", "name", "currency", "fee_plan", "shares"), merchants)
    write_csv(folder / "terminals.csv", ("terminal_id", "merchant_id"), places)
    write_csv(
        folder / "cards.csv",
        ("pan", "expiry_yymm", "currency", "balance_minor"),
        [(card_number(index), EXPIRY_YYMM, CURRENCY, str(BALANCE_MINOR)) for index in range(cards)],
    )


def write_csv(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write a file as `switch import` takes it."""
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def card_number(index: int, prefix: str = "400000") -> str:
    """A card of a range that no bank uses, with a valid check digit."""
    digits = f"{prefix}{index * 7919 + 17:09d}"
    total = sum(sum(divmod(int(digit) * 2, 10)) for digit in digits[-1::-2]) + sum(map(int, digits[-2::-2]))
    return f"{digits}{-total % 10}"


def echo_frame(number: int) -> bytes:
    """An echo (0800, DE 70 = 301) with its length: something to say on a connection that is to be idle."""
    bitmap = 1 << 63 | 1 << (64 - 7) | 1 << (64 - 11)
    body = f"0800{bitmap:016X}{1 << (128 - 70):016X}{time.strftime('%m%d%H%M%S', time.gmtime())}{number:06d}301"
    return len(body).to_bytes(2, "big") + body.encode("ascii")


def terminal_id(index: int) -> str:
    """DE 41 of a terminal."""
    return f"TERM{index:04d}"


def merchant_id(index: int) -> str:
    """DE 42 of a merchant."""
    return f"MERCHANT{index:07d}"
