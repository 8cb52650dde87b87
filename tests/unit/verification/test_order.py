"""Rows that are lost, repeated or moved are located, wherever they are and whatever the blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fasttrees.verification._differences import within
from fasttrees.verification._order import Order
from tests.support.builders import Column

TOLERANCE = 1e-9


def explain(predictions: Column, references: Column, n_rows: int, block: int) -> str | None:
    order = Order()
    for start in range(0, max(len(predictions), len(references)), block):
        a, b = predictions[start : start + block], references[start : start + block]
        n = min(len(a), len(b))
        order.add(a, b, ~within(a[:n], b[:n], TOLERANCE))
    return order.explain(n_rows, lambda a, b: within(a, b, TOLERANCE))


def values(seed: int, n: int, n_columns: int = 1) -> Column:
    return np.random.default_rng(seed).normal(size=(n, n_columns))


@given(st.integers(0, 9), st.integers(20, 200), st.data(), st.integers(1, 50), st.integers(1, 5))
def test_rows_dropped_from_either_side(seed: int, n: int, data: st.DataObject, block: int, n_dropped: int) -> None:
    whole = values(seed, n, 2)
    row = data.draw(st.integers(0, n // 2))
    cut = np.delete(whole, slice(row, row + n_dropped), axis=0)
    rows = f"row {row + 1} was" if n_dropped == 1 else f"rows {row + 1} to {row + n_dropped} were"
    far = "1 row" if n_dropped == 1 else f"{n_dropped} rows"
    begin = f"From row {row + 1} on, the reference matches the predictions {far}"
    assert explain(whole, cut, n, block) == f"{begin} later: {rows} dropped from the reference."
    assert explain(cut, whole, n, block) == f"{begin} earlier: {rows} dropped from the predictions."


@given(st.integers(0, 9), st.integers(20, 200), st.data(), st.integers(1, 50))
def test_a_row_twice_on_either_side(seed: int, n: int, data: st.DataObject, block: int) -> None:
    whole = values(seed, n)
    row = data.draw(st.integers(1, n // 2))
    more = np.insert(whole, row, whole[row - 1], axis=0)
    begin = f"From row {row + 1} on, the reference matches the predictions 1 row"
    assert explain(whole, more, n, block) == (
        f"{begin} earlier: the reference has 1 row too many there: it repeats row {row}."
    )
    assert explain(more, whole, n, block) == (
        f"{begin} later: the predictions have 1 row too many there: it repeats row {row}."
    )


def test_a_row_too_many_that_is_none_of_the_others() -> None:
    whole = values(1, 100)
    more = np.insert(whole, 40, 7.0, axis=0)
    found = explain(whole, more, 100, 32)
    assert found is not None
    assert found.endswith("the reference has 1 row too many there.")


@given(st.integers(0, 9), st.integers(2, 200), st.integers(1, 50))
def test_another_order(seed: int, n: int, block: int) -> None:
    whole = values(seed, n)
    whole[0] = np.nan
    found = explain(whole, whole[::-1], n, block)
    assert found is not None
    assert found.startswith("The reference holds the same values as the predictions, in another order;")


def test_rows_exchanged_whole_not_by_column() -> None:
    """Values that change columns are not the same rows."""
    whole = values(2, 50, 2)
    assert explain(whole, whole[:, ::-1], 50, 16) is None


def test_all_equal_and_an_end_cut() -> None:
    whole = values(3, 100)
    assert explain(whole, whole.copy(), 100, 7) is None
    assert explain(whole, whole[:90], 100, 7) == (
        "All rows that both have agree: the reference ends after row 90, 10 too early."
    )
    assert explain(whole[:90], whole, 100, 7) == (
        "All rows that both have agree: the predictions end after row 90, 10 too early."
    )


@given(st.integers(0, 9), st.integers(1, 3000))
def test_single_rows_that_fail_do_not_hide_a_dropped_one(seed: int, block: int) -> None:
    whole = values(seed, 5000)
    reference = np.delete(whole, 2000, axis=0)
    reference[[3, 40, 700, 4000]] += 1
    reference[1900] = np.nan
    assert explain(whole, reference, 5000, block) == (
        "From row 2,001 on, the reference matches the predictions 1 row later: row 2,001 was dropped from the "
        "reference."
    )


def test_rows_that_come_back_into_step() -> None:
    """A row dropped and another repeated: the counts agree, and a row that fails later hides nothing."""
    whole = values(6, 50_000)
    reference = np.insert(np.delete(whole, 300, axis=0), 20_000, whole[20_000], axis=0)
    reference[40_000] += 1
    for block in (100, 7_000, 50_000):
        found = explain(whole, reference, 50_000, block)
        assert found is not None
        assert found.endswith("1 row later: row 301 was dropped from the reference.")


def test_other_numbers_are_not_a_shift() -> None:
    assert explain(values(4, 5000), values(5, 5000), 5000, 1000) is None
    assert explain(values(4, 5000), values(5, 4999), 5000, 1000) is None
    few = values(4, 5000)
    others = few.copy()
    others[100] += 1
    assert explain(few, others, 5000, 1000) is None
