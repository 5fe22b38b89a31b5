"""All that is published beside SPARQL, put together: linked data, the JSON API, pages."""

from __future__ import annotations

import json

import flask

import holdfast
from holdfast.shipped import shipped_file
from holdfast_service.api import add_api
from holdfast_service.catalogue import House
from holdfast_service.context import Service
from holdfast_service.holdings import Kept
from holdfast_service.keeper import Keeper
from holdfast_service.linked import add_linked_data
from holdfast_service.operations import Operations
from holdfast_service.pages import Pages
from holdfast_service.protocols import PROTOCOLS
from holdfast_service.registers import add_registers
from holdfast_service.window import Window


def publish(app: flask.Flask, service: Service, kept: Kept, keeper: Keeper) -> None:
    """Add to the application all addresses at which registers and judgements are published."""
    settings = service.settings
    house = House(
        public=settings.public_url,
        title=settings.title,
        publisher=settings.publisher,
        licence=settings.licence,
        description=settings.description,
    )
    window = Window(house, service.base, keeper, lambda: keeper.judgements.at(None))
    pages, operations = Pages(window), Operations()
    app.url_map.merge_slashes = False  # an IRI may be part of an address
    add_linked_data(app, window, pages, operations)
    add_api(app, window, keeper.judgements, pages, operations)
    add_registers(app, window, pages, kept.store, keeper, operations, service)
    operations.declare(*PROTOCOLS)
    app.extensions["pages"] = pages

    @operations.get(app, "/openapi.json", "This description.")
    def openapi() -> flask.Response:
        return flask.jsonify(
            operations.openapi(
                title=house.title,
                version=holdfast.__version__,
                server=service.base(),
                schemas={
                    "Assessment": json.loads(shipped_file("findings.schema.json").read_text())
                },
            )
        )
