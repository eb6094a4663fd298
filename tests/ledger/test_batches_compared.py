"""Uploaded batches against the books, through real settlements and uploads: each difference once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit_days import BATCHES
from switch.ledger.batches_compared import compare_batches
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.settlement.comparing import compared
from switch.values import Pan
from tests.ledger.closed_days import BATCH, everything, of, offenders
from tests.ledger.sample_books import about
from tests.ledger.shop import LIMITED, RICH, Shop, pan_key, purchase, refund, reversal

WRONG = BatchTotals(foreign=Totals(1, 1))
UNKNOWN = "000000"


def send(shop: Shop, *requests: Request) -> None:
    """Each in a group of its own, by a store that makes the keyed hashes of uploaded cards."""
    store = shop.store(pan_key=pan_key)
    for request in requests:
        store.run([request])
    store.close()


def settlement(stan: int, totals: BatchTotals, **others: Any) -> Request:
    given = {"batch": BATCH, "extras": Extras(totals=totals), **others}
    return purchase(stan, None, None, kind=Kind.SETTLEMENT, mti="0500", **given)


def upload(stan: int, *records: tuple[int, int, Pan | None], **others: Any) -> Request:
    kept = tuple(UploadedRecord(False, f"{each:06d}", pan, amount) for each, amount, pan in records)
    given = {"batch": BATCH, "extras": Extras(records=kept), **others}
    return purchase(stan, None, None, kind=Kind.BATCH_UPLOAD, mti="0320", **given)


def end(stan: int, **others: Any) -> Request:
    return purchase(stan, None, None, kind=Kind.BATCH_END, mti="0320", **{"batch": BATCH, **others})


def compare(shop: Shop) -> tuple[int, int]:
    return tuple(compare_batches(shop.database, compared, lambda: next(shop.ids)))  # type: ignore[return-value]


def found(shop: Shop) -> list[tuple[Any, ...]]:
    its = schema.discrepancy.c
    query = sa.select(its.stan, its.what, its.host_minor, its.terminal_minor, its.masked_pan).order_by(its.stan)
    with shop.database.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_what_differs_is_written_down(shop: Shop) -> None:
    send(
        shop,
        of(1, 1_000),
        of(2, 2_000),
        of(3, 3_000, pan=LIMITED),
        refund(4, 500, of=1, batch=BATCH),
        of(5, 700),
        reversal(5, 700, batch=BATCH),
        of(6, 800),
        about(Kind.VOID, 7, 6, 800, batch=BATCH),
        settlement(8, WRONG),
        upload(9, (1, 1_000, RICH), (2, 2_100, RICH), (5, 700, RICH), (77, 40, RICH), (3, 3_000, RICH)),
        end(10),
    )

    assert compare(shop) == (1, 5)
    assert found(shop) == [
        ("000002", "different", 2_000, 2_100, "411111******1111"),
        ("000003", "different", 3_000, 3_000, "411111******1111"),
        ("000004", "missing", 500, None, "411111******1111"),
        ("000005", "extra", 0, 700, "411111******1111"),
        ("000077", "extra", None, 40, "411111******1111"),
    ]
    assert offenders(shop.database, BATCHES) == []


def test_comparing_again_changes_nothing(shop: Shop) -> None:
    send(shop, of(1, 1_000), settlement(2, WRONG), end(3))
    assert compare(shop) == (1, 1)
    before = everything(shop.database)

    assert compare(shop) == (0, 0)
    assert everything(shop.database) == before


def test_an_upload_that_is_not_ended_waits(shop: Shop) -> None:
    send(shop, of(1, 1_000), of(2, 1_000), settlement(3, WRONG), upload(4, (1, 1_000, RICH)))

    assert compare(shop) == (0, 0)


def test_a_batch_that_balanced_has_nothing_to_compare(shop: Shop) -> None:
    right = BatchTotals(foreign=Totals(1_000, 1))
    send(shop, of(1, 1_000), settlement(2, right), of(1, 900, terminal_id="T2"), settlement(2, WRONG, terminal_id="T2"))
    send(shop, upload(3, (9, 900, RICH), terminal_id="T2"))
    send(shop, settlement(4, BatchTotals(foreign=Totals(900, 1)), terminal_id="T2"))

    assert compare(shop) == (0, 0)
    assert found(shop) == []


def test_a_terminal_that_does_not_know_its_batch_is_compared_too(shop: Shop) -> None:
    said = {"batch": UNKNOWN}
    send(shop, of(1, 1_000, **said), of(2, 50, **said), settlement(3, WRONG, **said))
    send(shop, upload(4, (2, 50, RICH), **said), end(5, **said))

    assert compare(shop) == (1, 1)
    assert found(shop) == [("000001", "missing", 1_000, None, "411111******1111")]
    assert offenders(shop.database, BATCHES) == []


def test_totals_that_are_not_the_ledgers_are_found(shop: Shop) -> None:
    send(shop, of(1, 1_000), settlement(2, WRONG))
    with shop.database.writing() as connection:
        connection.execute(sa.update(schema.batch).values(host_foreign_debit_minor=999))

    (problem,) = offenders(shop.database, BATCHES)

    assert "foreign debit minor 999 (1000)" in problem


def test_what_comes_after_the_settlement_does_not_change_what_it_froze(shop: Shop) -> None:
    send(shop, of(1, 1_000), of(2, 70), settlement(3, WRONG), reversal(2, 70, batch=BATCH))
    send(shop, of(4, 60, kind=Kind.OFFLINE_SALE, mti="0220"))

    assert offenders(shop.database, BATCHES) == []
