"""A writer that is killed again and again, and looks each time whether the store is as it was.

Run by test_store.py: `killed.py FOLDER KILLS SEED`. What commit n holds follows from n alone, so
that whoever opens the store knows what must be in it. A child writes until it is killed: at its
k-th call that reaches the disk, perhaps in the middle of one, or after a time. Prints how many
children were killed how.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from holdfast.store import Store

REGISTERS = [f"https://example.org/register/{name}" for name in ("harbour", "valley", "moor")]
MEMBERS = "https://example.org/members"

State = dict[str, frozenset[tuple[str, str]]]


def state_after(number: int) -> State:
    """What each register holds after a commit: names of partnerships with numbers of members."""
    state: State = {}
    for commit in range(1, number + 1):
        state = step(state, commit)
    return state


def step(state: State, number: int) -> State:
    """The state after commit `number`, from the one before it."""
    register = REGISTERS[number // 4 % 3]
    held = state.get(register, frozenset())
    kind = number % 4 if register in state else 0
    if kind == 0:
        rows = frozenset((f"p{place}", f"{number:04d}") for place in range(1 + number % 7 * 5))
    elif kind == 1:
        rows = frozenset((name, count) for name, count in held if name != "p0") | {
            (f"u{number}", f"00{number}")
        }
    elif kind == 2:
        rows = held | {(f"a{number}", str(number))}
    else:
        return {name: rows for name, rows in state.items() if name != register}
    return {**state, register: rows}


def write(store: Store) -> None:
    """Make the next commit."""
    number = store.last + 1
    before, after = state_after(number - 1), state_after(number)
    register = REGISTERS[number // 4 % 3]
    kind = number % 4 if register in before else 0
    if kind == 0:
        turtle = "".join(
            f"<https://example.org/{name}> <{MEMBERS}> {count} .\n"
            for name, count in sorted(after[register])
        )
        store.put(register, turtle.encode(), "text/turtle")
    elif kind == 1:
        store.update(
            f"DELETE WHERE {{ GRAPH <{register}> {{ <https://example.org/p0> ?p ?o }} }} ;"
            f"INSERT DATA {{ GRAPH <{register}> {{"
            f" <https://example.org/u{number}> <{MEMBERS}> 00{number} }} }}"
        )
    elif kind == 2:
        (row,) = after[register] - before[register]
        store.patch(register, added=[quad(register, *row)])
    else:
        store.drop(register)


def quad(register: str, name: str, count: str) -> ox.Quad:
    return ox.Quad(
        ox.NamedNode(f"https://example.org/{name}"),
        ox.NamedNode(MEMBERS),
        ox.Literal(count, datatype=ox.NamedNode("http://www.w3.org/2001/XMLSchema#integer")),
        ox.NamedNode(register),
    )


def check(store: Store, acknowledged: int) -> None:
    """Raise AssertionError where the store is not exactly as after its last commit."""
    assert store.last >= acknowledged, f"{store.last} commits, and {acknowledged} were acknowledged"
    state = state_after(store.last)
    assert sorted(state) == [version.register for version in store.registers()]
    for register, rows in state.items():
        assert {quad(register, *row) for row in rows} == set(store.quads(register))
    with store.reader() as reader:
        assert reader.snapshot.commit == store.last
        wanted = {
            quad(register, name, str(int(count)))
            for register, rows in state.items()
            for name, count in rows
        }
        assert wanted == set(reader.store)


def die_at(calls: int, torn: bool) -> None:
    """Be killed at the n-th call that reaches the disk; if it writes, perhaps half-way."""
    left = [calls]

    def deadly(name: str) -> Any:
        real = getattr(os, name)

        def call(*words: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                if torn and name == "write":
                    real(words[0], words[1][: len(words[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*words, **options)

        return call

    for name in (
        "fsync",
        "write",
        "replace",
        "rename",
        "link",
        "chmod",
        "mkdir",
        "unlink",
        "rmdir",
    ):
        setattr(os, name, deadly(name))


def child(folder: Path, acks: int, acknowledged: int, chance: random.Random, timed: bool) -> None:
    """Open, look, and write until killed."""
    if not timed and chance.random() < 0.5:
        die_at(chance.randint(1, 60), chance.random() < 0.5)  # while it is opened as well
    with Store.open(folder, create=True) as store:
        check(store, acknowledged)
        if not timed:
            die_at(chance.randint(1, 150), chance.random() < 0.5)
        while True:
            write(store)
            os.pwrite(acks, b"%d\n" % store.last, 0)


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill so many children, and look once more in the end."""
    chance = random.Random(seed)
    acks = os.open(folder.parent / "acknowledged", os.O_RDWR | os.O_CREAT)
    ended: Counter[str] = Counter()
    for place in range(kills):
        acknowledged = int(os.pread(acks, 20, 0).split(b"\n")[0] or 0)
        timed = place % 2 == 0
        own = random.Random(chance.random())
        pid = os.fork()
        if pid == 0:
            try:
                child(folder, acks, acknowledged, own, timed)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        if timed:
            time.sleep(own.uniform(0.0, 0.25))  # the moment is what is random here
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"child {place} was not killed but failed")
        ended["by time" if timed else "at a call"] += 1
    with Store.open(folder, create=True) as store:
        check(store, int(os.pread(acks, 20, 0).split(b"\n")[0] or 0))
        assert [] == store.rebuild()
        check(store, store.last)
        print(f"{kills} killed ({dict(ended)}), {store.last} commits")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
