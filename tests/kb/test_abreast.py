"""Statements several at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError

import duckdb
import pytest

from holdfast.assess import assess
from holdfast.columns.store import Limits
from holdfast.reason.abreast import abreast
from holdfast.shipped import shipped_folder

Cursor = duckdb.DuckDBPyConnection


def counted(number: int) -> Callable[[Cursor], int]:
    """A statement that gives a number."""
    return lambda cursor: int(cursor.execute(f"SELECT {number}").fetchall()[0][0])


def test_results_come_in_the_order_of_their_tasks() -> None:
    tasks = [counted(number) for number in range(50)]
    assert list(range(50)) == list(abreast(duckdb.connect(), tasks, 3))


def test_several_run_at_a_time() -> None:
    meeting = Barrier(2)

    def met(_: Cursor) -> bool:
        try:
            meeting.wait(30)
        except BrokenBarrierError:
            return False
        return True

    assert [True, True] == list(abreast(duckdb.connect(), [met, met], 2))


def test_where_one_fails_those_that_run_are_interrupted() -> None:
    begun, endless = Barrier(2), "SELECT count(*) FROM range(100_000_000_000) a(x) WHERE sin(x) > 1"

    def fails(cursor: Cursor) -> None:
        begun.wait(30)
        cursor.execute("SELECT * FROM nowhere")

    def never_ends(cursor: Cursor) -> None:
        begun.wait(30)
        cursor.execute(endless)

    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        list(abreast(duckdb.connect(), [fails, never_ends], 2))


def test_what_is_found_does_not_depend_on_how_many_run_at_a_time() -> None:
    case = shipped_folder("graphs") / "easington.trig"
    one, many = (assess([str(case)], limits=Limits(threads=threads)).ventures for threads in (1, 4))
    assert one == many
    assert any(venture.findings for venture in one)
