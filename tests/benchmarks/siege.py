"""What others do to a service, and how long its users wait meanwhile.

    .venv/bin/python tests/benchmarks/siege.py KB [--seconds S] [--url URL]

KB is a folder that `holdfast load` filled; the service is started here unless --url names one that
runs. Two users at an address of their own ask the questions of serving.py, each written anew so
that none is remembered: first in calm, then during each attack, which comes from another address
and other processes, at the lowest priority, so that attackers take no processor but by the service.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import multiprocessing
import os
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from serving import HEAD, QUESTIONS, serving

USERS, ATTACKERS = "127.0.0.2", "127.0.0.3"

ENDLESS = "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
HUNGRY = "SELECT ?a ?c (GROUP_CONCAT(?f) AS ?x) { ?a ?b ?c . ?d ?e ?f } GROUP BY ?a ?c ORDER BY ?x"
LONG = "SELECT * { ?a ?b ?c }"

Attack = Callable[[str, int, random.Random], None]


def connected(host: str, port: int, by: str) -> http.client.HTTPConnection:
    """A connection from one of the addresses of this machine."""
    return http.client.HTTPConnection(host, port, timeout=60, source_address=(by, 0))


def ask(line: http.client.HTTPConnection, text: str) -> int:
    """The status of the answer to a query, once it is read."""
    line.request(
        "POST",
        "/sparql",
        urlencode({"query": text}),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/sparql-results+json, application/n-triples",
        },
    )
    answer = line.getresponse()
    answer.read()
    return answer.status


def endless(host: str, port: int, chance: random.Random) -> None:
    """A query that never ends."""
    ask(connected(host, port, ATTACKERS), f"{ENDLESS} # {chance.random()}")


def hungry(host: str, port: int, chance: random.Random) -> None:
    """A query that eats memory."""
    ask(connected(host, port, ATTACKERS), f"{HUNGRY} # {chance.random()}")


def many(host: str, port: int, chance: random.Random) -> None:
    """The questions that users have, one after the other."""
    line = connected(host, port, ATTACKERS)
    for _ in range(20):
        ask(line, f"{HEAD}{chance.choice([*QUESTIONS.values()])} # {chance.random()}")


def leaving(host: str, port: int, chance: random.Random) -> None:
    """A long answer asked for, and not waited for."""
    text = f"{LONG} # {chance.random()}".encode()
    with socket.create_connection((host, port), 60, (ATTACKERS, 0)) as line:
        line.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
            b"Content-Type: application/sparql-query\r\n\r\n%s" % (len(text), text)
        )
        line.recv(100)


def large(host: str, port: int, chance: random.Random) -> None:
    """A body of a hundred megabytes, by nobody who may send one."""
    with socket.create_connection((host, port), 60, (ATTACKERS, 0)) as line:
        line.sendall(
            b"PUT /graphs?default HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/turtle\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        for _ in range(1_000):
            line.sendall(bytes(100_000))


def half(host: str, port: int, chance: random.Random) -> None:
    """A request that is never ended."""
    with socket.create_connection((host, port), 60, (ATTACKERS, 0)) as line:
        line.sendall(b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1")
        time.sleep(3)


ATTACKS: dict[str, tuple[Attack, int]] = {
    "8 queries that never end": (endless, 8),
    "8 queries that eat memory": (hungry, 8),
    "200 clients at once": (many, 200),
    "20 clients that leave": (leaving, 20),
    "8 large bodies": (large, 8),
    "500 requests never ended": (half, 500),
}


def attack(name: str, host: str, port: int, until: float) -> None:
    """Attack until some time, with as many at once as the attack has."""
    os.nice(19)
    one, number = ATTACKS[name]

    def again() -> None:
        chance = random.Random()  # what is known to be slow from another time waits at once
        while time.time() < until:
            with contextlib.suppress(OSError, http.client.HTTPException):
                one(host, port, chance)

    for _ in range(number):
        threading.Thread(target=again, daemon=True).start()
    time.sleep(max(0.0, until - time.time()))
    os._exit(0)


def waited(host: str, port: int, seconds: float, users: int = 2) -> tuple[list[float], int]:
    """How long users waited for their answers, and how many were refused."""
    times: list[float] = []
    refused: list[int] = []
    until = time.time() + seconds

    def use(seed: int) -> None:
        chance, line = random.Random(seed), connected(host, port, USERS)
        while time.time() < until:
            text = f"{HEAD}{chance.choice([*QUESTIONS.values()])} # {chance.random()}"
            began = time.perf_counter()
            try:
                status = ask(line, text)
            except (OSError, http.client.HTTPException):
                status, line = 0, connected(host, port, USERS)
            times.append(time.perf_counter() - began)
            if status != 200:
                refused.append(status)
            time.sleep(0.02)  # people think

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(refused)


def besieged(url: str, seconds: float) -> None:
    """Tell how long users wait, in calm and during each attack."""
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 80
    spawn = multiprocessing.get_context("spawn")
    waited(host, port, 3)
    for name in ATTACKS:
        calm, _ = waited(host, port, seconds)
        until = time.time() + seconds + 5
        process = spawn.Process(target=attack, args=(name, host, port, until), daemon=True)
        process.start()
        time.sleep(3)  # until all of them are at it
        times, refused = waited(host, port, seconds)
        process.join()
        before, during = statistics.median(calm), statistics.median(times)
        slow = statistics.quantiles(times, n=20)[18]
        print(
            f"{name:28} calm {1e3 * before:6.1f} ms   besieged {1e3 * during:6.1f} ms, 95 %"
            f" {1e3 * slow:6.0f} ms   {during / before:5.2f} times   {refused} of {len(times)}"
            " refused",
            flush=True,
        )
        time.sleep(2)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kb", type=Path)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--url")
    chosen = parser.parse_args()
    given = chosen.url
    with contextlib.nullcontext(given) if given else serving(chosen.kb) as url:
        besieged(url or given, chosen.seconds)


if __name__ == "__main__":
    main()
