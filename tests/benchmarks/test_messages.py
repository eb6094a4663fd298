from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.messages import CARDS, card_number, echo_frame, write_books, write_purchases
from switch.values import Pan
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect


def test_every_purchase_decodes_and_no_two_are_alike(tmp_path: Path) -> None:
    codec = Codec(load_dialect("iso8583-1987-ascii"))

    write_purchases(tmp_path / "purchases.hex", 200)

    messages = [codec.decode(bytes.fromhex(line)) for line in (tmp_path / "purchases.hex").read_text().split()]
    assert {message[0] for message in messages} == {"0200"}
    assert len({message[11] for message in messages}) == 200


def test_the_cards_of_the_purchases_are_valid_and_in_the_books(tmp_path: Path) -> None:
    write_books(tmp_path)

    with (tmp_path / "cards.csv").open(encoding="ascii") as file:
        numbers = [row["pan"] for row in csv.DictReader(file)]
    assert numbers == [card_number(index) for index in range(CARDS)]
    assert all(Pan(number).has_valid_check_digit() for number in numbers)


def test_the_echo_decodes() -> None:
    frame = echo_frame(7)

    fields = Codec(load_dialect("iso8583-1987-ascii")).decode(frame[2:])

    assert (fields[0], fields[11], fields[70]) == ("0800", "000007", "301")
    assert int.from_bytes(frame[:2], "big") == len(frame) - 2
