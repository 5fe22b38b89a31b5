"""Registers over HTTP: sent, checked, assessed and committed in one go, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
from flask.typing import ResponseReturnValue

from holdfast.assess import Finding
from holdfast.errors import UnknownNameError
from holdfast.render import finding_json
from holdfast.store import SUFFIXES, Check, Commit, Store
from holdfast_service.conditions import NEW, followed
from holdfast_service.context import Service
from holdfast_service.graphs import check_readable, received
from holdfast_service.holdings import told
from holdfast_service.keeper import Keeper, Written, iri_of, name_of
from holdfast_service.linked import register_thing
from holdfast_service.operations import Operation, Operations
from holdfast_service.pages import Pages
from holdfast_service.problem import Problem
from holdfast_service.representations import tags_of
from holdfast_service.window import Window

TAKEN = {media_type: "a register" for media_type in SUFFIXES if "patch" not in media_type}


def add_registers(
    app: flask.Flask,
    window: Window,
    pages: Pages,
    store: Store,
    keeper: Keeper,
    operations: Operations,
    service: Service,
) -> None:
    """Add the addresses at which registers are changed."""

    @app.put("/registers/<path:name>")
    def put(name: str) -> ResponseReturnValue:
        service.require_token()
        register = _iri(name)
        follows = _followed(register)
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            data = received(service, Path(folder), register)
            if len(data) != 1:
                raise Problem("bad-request", "A register is one file.")
            check_readable(service, data[0], graphs=True)
            written = _committed(
                lambda check: store.put(
                    register, data[0].file, data[0].media, if_match=follows, check=check
                )
            )
        assert written.commit is not None
        new = written.commit.versions[0].number == 1
        return _answer(register, written, 201 if new else 200)

    @app.delete("/registers/<path:name>")
    def drop(name: str) -> ResponseReturnValue:
        service.require_token()
        register = _iri(name)
        follows = _followed(register)
        written = _committed(lambda check: store.drop(register, if_match=follows, check=check))
        return _answer(register, written, 200)

    def _committed(write: Callable[[Check | None], Commit | None]) -> Written:
        with told():
            return keeper.write(write)

    def _followed(register: str) -> int | None:
        """The version that the change follows: told by its number, or by the tag of any form."""
        there = next((one for one in window.registers.published() if one.iri == register), None)
        if there is None:
            return followed(NEW)
        number = there.releases[-1].number
        return followed(
            number, lambda: [str(number), *tags_of(register_thing(window, pages, there, None))]
        )

    def _answer(register: str, written: Written, status: int) -> flask.Response:
        commit = written.commit
        assert commit is not None
        version = commit.versions[0]
        place = f"{window.house.public}/registers/{name_of(register)}"
        answer = flask.jsonify(
            register=register,
            version=version.number,
            commit=commit.number,
            time=commit.time,
            assessed=written.assessed,
            lost=[_told(*pair) for pair in written.lost],
            gained=[_told(*pair) for pair in written.gained],
        )
        answer.status_code = status
        answer.headers["Location"] = place
        answer.headers["Content-Location"] = f"{place}/versions/{version.number}"
        return answer

    operations.declare(
        Operation(
            "put",
            "/registers/{name}",
            "Make this the register's content; answers which findings change. Nothing changes if"
            " anything fails.",
            takes=TAKEN,
            answers={"application/json": ""},
            problems=(400, 401, 403, 409, 412, 413, 415, 422),
            token=True,
        ),
        Operation(
            "delete",
            "/registers/{name}",
            "Take a register away; its versions stay.",
            answers={"application/json": ""},
            problems=(401, 403, 404, 409, 412),
            token=True,
        ),
    )


def _iri(name: str) -> str:
    try:
        return iri_of(quote(name, safe=""))
    except UnknownNameError as error:
        raise Problem("bad-request", str(error)) from None


def _told(venture: str, finding: Finding) -> dict[str, Any]:
    return {"iri": finding.iri, "venture": venture, **finding_json(finding)}
