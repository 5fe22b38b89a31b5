"""Waiting on connections: only those on which something happens are looked at."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from waitress import wasyncore

from holdfast_service.loop import Loop


class Caller(wasyncore.dispatcher):
    """A connection that counts how often it is looked at, and answers on its next turn."""

    def __init__(self, line: socket.socket, calls: dict[int, wasyncore.dispatcher]) -> None:
        super().__init__(line, map=calls)
        self.looked, self.heard, self.answer = 0, b"", b""

    def readable(self) -> bool:
        self.looked += 1
        return not self.answer

    def writable(self) -> bool:
        return bool(self.answer)

    def handle_read(self) -> None:
        self.heard += self.recv(100)

    def handle_write(self) -> None:
        self.answer = self.answer[self.send(self.answer) :]


class Calls:
    """Some connections, each with its far end, and the loop that serves them."""

    def __init__(self, number: int, ends: ExitStack) -> None:
        self.there: dict[int, wasyncore.dispatcher] = {}
        self.woken = 0
        self.loop = Loop(self.there, self.wake)
        self.callers, self.far = [], []
        for _ in range(number):
            near, far = (ends.enter_context(line) for line in socket.socketpair())
            self.callers.append(Caller(near, self.there))
            self.far.append(far)
        self.far[0].sendall(b"!")
        self.turn()  # all are looked at once
        for caller in self.callers:
            caller.looked = 0

    def wake(self) -> None:
        self.woken += 1

    def turn(self) -> None:
        self.loop._turn()


@pytest.fixture
def calls() -> Iterator[Calls]:
    with ExitStack() as ends:
        yield Calls(3, ends)


def test_idle_connections_are_not_looked_at(calls: Calls) -> None:
    one, *others = calls.callers
    calls.far[0].sendall(b"harbour")

    calls.turn()

    assert b"!harbour" == one.heard
    assert one.looked
    assert [0, 0] == [other.looked for other in others]


def test_what_is_to_be_sent_is_waited_for_once_the_loop_is_told(calls: Calls) -> None:
    answering = calls.callers[1]
    answering.answer = b"valley"

    calls.loop.look(answering)
    calls.turn()  # it can be written at once

    assert 1 == calls.woken
    assert b"valley" == calls.far[1].recv(100)
    calls.far[1].sendall(b"more")
    calls.turn()
    assert b"more" == answering.heard


def test_the_loop_is_not_woken_where_nothing_has_changed(calls: Calls) -> None:
    calls.loop.look(calls.callers[1])

    assert 0 == calls.woken


def test_a_connection_that_is_forgotten_leaves_its_number_to_the_next(calls: Calls) -> None:
    gone = calls.callers[2]
    number = gone._fileno
    calls.loop.forget(gone)
    gone.del_channel()
    near, far = socket.socketpair()
    gone.socket.close()
    with near, far, near.dup() as again:
        assert number == again.fileno()  # the system gives the lowest number that is free
        following = Caller(again, calls.there)
        calls.loop.look(following)
        far.sendall(b"town")
        calls.turn()
        calls.turn()
        assert b"town" == following.heard
