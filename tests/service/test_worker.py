"""A worker that is told, amid an answer, that nobody waits for it any more."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from holdfast_service import frames
from holdfast_service.worker import Worker

MEMBER = "https://example.org/member/"


def asked(query: str, store: Path) -> dict[str, Any]:
    return {
        "do": "query", "query": query, "base": "https://example.org/", "default": [], "named": [],
        "union": True, "accept": "text/tab-separated-values", "format": "", "rows": 0,
        "guard": False, "store": str(store), "hold": "",
    }  # fmt: skip


def test_a_worker_gives_up_what_nobody_waits_for_and_answers_the_next(tmp_path: Path) -> None:
    place = tmp_path / "store"
    ox.Store(str(place)).bulk_load(
        "".join(f"<{MEMBER}{n}> <{MEMBER}in> <{MEMBER}all> .\n" for n in range(400)),
        format=ox.RdfFormat.N_TRIPLES,
    )
    here, there = socket.socketpair()
    with here, there:
        worker, arriving = Worker(there, 0), frames.Frames(here)
        endless = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"
        answering = threading.Thread(target=worker.answer, args=(asked(endless, place),))
        answering.start()
        while arriving.next()[0] != frames.DATA:
            pass

        worker.give_up()
        while arriving.next()[0] != frames.END:
            pass
        answering.join()
        worker.answer(asked(f"ASK {{ <{MEMBER}7> ?in ?all }}", place) | {"accept": ""})

        assert [frames.HEAD, frames.DATA, frames.END] == [arriving.next()[0] for _ in range(3)]
