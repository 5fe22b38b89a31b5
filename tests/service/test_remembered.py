"""Answers are given again while nothing is written, and never longer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from holdfast_service.remembered import Remembered

if TYPE_CHECKING:
    from conftest import Live

GRAPH = "https://example.org/remembered"
NAMES = f"SELECT ?x {{ GRAPH <{GRAPH}> {{ ?s <https://example.org/name> ?x }} }}"


def known(live: Live) -> int:
    """How many queries were answered from memory so far."""
    figures = live.ask("GET", "/metrics").text
    found = re.search(r'holdfast_queries_total\{ended="remembered"\} (\d+)', figures)
    return int(found[1]) if found else 0


def test_what_is_asked_again_is_answered_from_memory_until_something_is_written(live: Live) -> None:
    live.put(GRAPH, '<https://example.org/1> <https://example.org/name> "Harbour Health" .')
    asked = [live.query(NAMES).column() for _ in range(2)]
    before = known(live)
    again = live.query(NAMES)
    after = known(live)
    live.put(GRAPH, '<https://example.org/1> <https://example.org/name> "Valley Sport" .')

    assert [["Harbour Health"]] * 3 == [*asked, again.column()]
    assert 1 == after - before
    assert ["Valley Sport"] == live.query(NAMES).column()


def test_each_form_and_each_limit_has_an_answer_of_its_own(live: Live) -> None:
    query = "SELECT ?x { VALUES ?x { 1 2 3 } }"
    for _ in range(2):
        assert "x\r\n1\r\n2\r\n3\r\n" == live.query(query, "text/csv").text
        assert ["1", "2", "3"] == live.query(query, "application/json").column()
        short = live.query(query, rows="2")
        assert (["1", "2"], "true") == (short.column(), short.headers["holdfast-truncated"])


@pytest.mark.parametrize("function", ["NOW()", "RAND()", "UUID()", "STRUUID()", "uuid()"])
def test_what_is_another_each_time_is_answered_anew(live: Live, function: str) -> None:
    query = f"SELECT ({function} AS ?x) {{}}"

    assert live.query(query).column() != live.query(query).column()


def test_head_tells_of_a_remembered_answer_what_get_does(live: Live) -> None:
    query = "/sparql?query=SELECT+(7+AS+?x)+%7B%7D"
    got, again, headed = [live.ask(way, query) for way in ("GET", "GET", "HEAD")]

    assert got.body == again.body
    assert b"" == headed.body
    assert got.headers["content-length"] == headed.headers["content-length"]


def job(query: str) -> dict[str, Any]:
    return {
        "do": "query", "query": query, "base": "", "default": ["https://example.org/1"],
        "named": [], "union": True, "accept": "", "format": "", "rows": 0, "guard": True,
    }  # fmt: skip


def test_the_answers_that_were_asked_for_longest_ago_go_first() -> None:
    answers = Remembered(3_500)
    for query in ("one", "two", "three"):
        answers.put("now", job(query), {}, b"")
    answers.get("now", job("one"))
    answers.put("now", job("four"), {}, b"")

    kept = [query for query in ("one", "two", "three", "four") if answers.get("now", job(query))]
    assert ["one", "three", "four"] == kept


def test_an_answer_holds_for_the_state_that_it_shows() -> None:
    answers = Remembered(1 << 20)
    answers.put("before", job("one"), {}, b"1")
    assert answers.get("after", job("one")) is None
    answers.put("after", job("two"), {}, b"2")

    assert answers.get("before", job("one")) is None


def test_nothing_is_remembered_where_nothing_may_be() -> None:
    answers = Remembered(0)
    answers.put("now", job("one"), {}, b"1")

    assert answers.get("now", job("one")) is None
