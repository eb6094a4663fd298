from __future__ import annotations

from switch.tools.tally import NONE, BatchTotals, Counted, Move, Side, Sum, Tally, Totals, added


def a_tally(*entries: tuple[str, Move, int, str] | tuple[str, Move, int, str, str]) -> Tally:
    tally = Tally()
    for name, move, amount, card, *about in entries:
        tally.book(name, move, amount, card, *about)
    return tally


def test_sales_are_debits_and_voids_and_refunds_are_credits() -> None:
    tally = a_tally(
        ("a", Move.SALE, 1200, "union"),
        ("b", Move.SALE, 2100, "union"),
        ("c", Move.CANCEL, 1200, "union", "a"),
        ("d", Move.REFUND, 800, "union", "b"),
    )

    assert tally.totals() == Totals(Sum(2, 3300), Sum(2, 2000))
    assert tally.totals().net_minor == 1300
    assert tally.change_of("union") == -1300


def test_what_is_reversed_is_out_of_the_count() -> None:
    tally = a_tally(("a", Move.SALE, 1200, "union"), ("r", Move.UNDO, 1200, "union", "a"))

    assert tally.totals() == Totals()
    assert tally.change_of("union") == 0


def test_a_reversed_void_lets_the_sale_stand_again() -> None:
    tally = a_tally(
        ("a", Move.SALE, 1200, "union"),
        ("v", Move.CANCEL, 1200, "union", "a"),
        ("r", Move.UNDO, 1200, "union", "v"),
    )

    assert tally.totals() == Totals(Sum(1, 1200))
    assert tally.change_of("union") == -1200


def test_an_authorisation_is_no_part_of_the_totals_but_the_cards_loss() -> None:
    tally = a_tally(("a", Move.HOLD, 10000, "union"), ("m", Move.MORE, 2000, "union", "a"))

    assert tally.totals() == Totals()
    assert tally.change_of("union") == -12000


def test_a_completion_takes_the_hold_with_what_was_added_and_leaves_the_rest() -> None:
    tally = a_tally(
        ("a", Move.HOLD, 10000, "union"),
        ("m", Move.MORE, 2000, "union", "a"),
        ("c", Move.CAPTURE, 11500, "union", "a"),
    )

    assert tally.totals() == Totals(Sum(1, 11500))
    assert tally.change_of("union") == -11500


def test_a_cancelled_completion_holds_again_and_can_be_completed_again() -> None:
    cancelled = (
        ("a", Move.HOLD, 10000, "union"),
        ("m", Move.MORE, 2000, "union", "a"),
        ("c", Move.CAPTURE, 11500, "union", "a"),
        ("v", Move.CANCEL, 11500, "union", "c"),
    )

    held = a_tally(*cancelled)
    completed = a_tally(*cancelled, ("c2", Move.CAPTURE, 9000, "union", "a"))

    assert held.change_of("union") == -12000
    assert held.totals() == Totals(Sum(1, 11500), Sum(1, 11500))
    assert completed.change_of("union") == -9000
    assert completed.totals() == Totals(Sum(2, 20500), Sum(1, 11500))


def test_a_cancelled_authorisation_gives_all_of_it_back() -> None:
    tally = a_tally(
        ("a", Move.HOLD, 10000, "union"),
        ("m", Move.MORE, 2000, "union", "a"),
        ("v", Move.CANCEL, 12000, "union", "a"),
    )

    assert tally.totals() == Totals()
    assert tally.change_of("union") == 0


def test_another_total_moves_the_difference_and_counts_no_second_sale() -> None:
    tally = a_tally(
        ("a", Move.SALE, 5000, "visa"),
        ("t", Move.TOTAL, 5500, "visa", "a"),
        ("u", Move.TOTAL, 5200, "visa", "a"),
    )

    assert tally.totals() == Totals(Sum(1, 5200))
    assert tally.change_of("visa") == -5200


def test_a_transfer_moves_from_card_to_card() -> None:
    tally = a_tally(("t", Move.TRANSFER, 300, "visa", "union"))

    assert (tally.change_of("visa"), tally.change_of("union")) == (-300, 300)
    assert tally.totals() == Totals()


def test_loads_are_the_merchants_loss_and_no_part_of_debits_and_credits() -> None:
    tally = a_tally(
        ("a", Move.LOAD, 2000, "prepaid"),
        ("b", Move.LOAD, 500, "prepaid"),
        ("v", Move.CANCEL, 500, "prepaid", "b"),
    )

    assert tally.totals() == Totals(NONE, NONE, 2000)
    assert tally.totals().net_minor == -2000
    assert tally.change_of("prepaid") == 2000


# --- of one batch --------------------------------------------------------------------------------------------


def a_batch(*entries: tuple[str, Move, int, str] | tuple[str, Move, int, str, str]) -> list[Counted]:
    tally = Tally(foreign=("visa",))
    for name, move, amount, card, *about in entries:
        tally.book(name, move, amount, card, "".join(about), "000001")
    tally.book("next", Move.SALE, 1, "union", batch="000002")
    return list(tally.counted("000001"))


def test_a_batch_has_domestic_and_foreign_sales_their_voids_and_refunds() -> None:
    counted = a_batch(
        ("a", Move.SALE, 1200, "union"),
        ("b", Move.SALE, 2100, "visa"),
        ("c", Move.CANCEL, 1200, "union", "a"),
        ("d", Move.REFUND, 800, "visa", "b"),
    )

    assert added(counted) == BatchTotals(Side(Sum(1, 1200), Sum(1, 1200)), Side(Sum(1, 2100), Sum(1, 800)))
    assert [one.name for one in counted] == ["a", "b", "c", "d"]


def test_in_a_batch_a_sale_has_its_new_total_and_its_void_the_same() -> None:
    counted = a_batch(
        ("a", Move.SALE, 1200, "union"),
        ("t", Move.TOTAL, 1500, "union", "a"),
        ("v", Move.CANCEL, 1500, "union", "a"),
    )

    assert counted == [Counted("a", True, True, 1500), Counted("v", True, False, 1500)]


def test_loads_transfers_holds_and_what_was_reversed_are_not_of_a_batch() -> None:
    counted = a_batch(
        ("h", Move.HOLD, 1000, "visa"),
        ("m", Move.MORE, 200, "visa", "h"),
        ("x", Move.CANCEL, 1200, "visa", "h"),
        ("l", Move.LOAD, 500, "prepaid"),
        ("u", Move.CANCEL, 500, "prepaid", "l"),
        ("f", Move.TRANSFER, 300, "visa", "union"),
        ("s", Move.SALE, 900, "union"),
        ("r", Move.UNDO, 900, "union", "s"),
    )

    assert counted == []
