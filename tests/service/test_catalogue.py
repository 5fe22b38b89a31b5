"""What is published, told to harvesters: DCAT, VoID and the feed of changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyoxigraph as ox
import pytest

from holdfast.validate import validate
from holdfast_service.catalogue import (
    DCAT,
    FEED_PAGE,
    LDES,
    PREFIXES,
    SPDX,
    TREE,
    VOID,
    Change,
    House,
    Published,
    Release,
    catalogue,
    feed,
    figures_of,
    void_description,
)

SHAPES = Path(__file__).parents[3] / "shared" / "suites" / "dcat-ap"
HOUSE = House(
    "https://data.example.org",
    "Partnerships of the valley",
    "Valley Council",
    "https://creativecommons.org/licenses/by/4.0/",
)
MORNING = datetime(2026, 11, 25, 8, tzinfo=UTC)
VALLEY = Published(
    "valley",
    "https://example.org/registers/valley",
    "Partnerships of the valley",
    "All ventures of the valley.",
    (
        Release(1, MORNING, "text/turtle", 1_200, "ab" * 32),
        Release(2, MORNING + timedelta(days=1), "application/ld+json", 1_350, "cd" * 32),
    ),
)


def values(triples: list[ox.Triple], subject: str, predicate: str) -> list[str]:
    return sorted(
        str(getattr(t.object, "value", t.object))
        for t in triples
        if t.subject == ox.NamedNode(subject) and t.predicate == ox.NamedNode(predicate)
    )


@pytest.mark.skipif(not SHAPES.is_dir(), reason="the shapes of DCAT-AP are not at hand: ../shared")
@pytest.mark.parametrize("shapes", ["dcat-ap-SHACL.ttl", "ranges.ttl"])
def test_the_catalogue_satisfies_the_shapes_of_dcat_ap(shapes: str, tmp_path: Path) -> None:
    told = tmp_path / "catalogue.ttl"
    told.write_bytes(
        ox.serialize(catalogue(HOUSE, [VALLEY]), format=ox.RdfFormat.TURTLE, prefixes=PREFIXES)
    )

    report = validate([str(told)], [str(SHAPES / shapes)])

    assert [] == [result.message for result in report.results]


@pytest.mark.skipif(not SHAPES.is_dir(), reason="the shapes of DCAT-AP are not at hand: ../shared")
def test_the_shapes_of_dcat_ap_would_miss_a_title(tmp_path: Path) -> None:
    told = tmp_path / "catalogue.ttl"
    title = ox.NamedNode("http://purl.org/dc/terms/title")
    told.write_bytes(
        ox.serialize(
            [t for t in catalogue(HOUSE, [VALLEY]) if t.predicate != title],
            format=ox.RdfFormat.TURTLE,
        )
    )

    report = validate([str(told)], [str(SHAPES / "dcat-ap-SHACL.ttl")])

    assert not report.conforms


def test_each_version_is_offered_as_it_was_sent_with_its_checksum() -> None:
    told = catalogue(HOUSE, [VALLEY])
    version = "https://data.example.org/registers/valley/versions/2"

    [sent] = values(told, version, DCAT + "distribution")
    [checksum] = values(told, sent, SPDX + "checksum")
    assert ["cd" * 32] == values(told, checksum, SPDX + "checksumValue")
    assert ["1350"] == values(told, sent, DCAT + "byteSize")
    assert ["https://data.example.org/registers/valley/versions/1"] == values(
        told, version, DCAT + "previousVersion"
    )


def test_void_counts_what_there_is() -> None:
    store = ox.Store()
    store.load(
        b"<https://example.org/a> a <https://w3id.org/holdfast/ns#Venture> ."
        b"<https://example.org/b> a <https://w3id.org/holdfast/ns#Venture> .",
        format=ox.RdfFormat.TURTLE,
        to_graph=ox.NamedNode("https://example.org/registers/valley"),
    )

    told = void_description(HOUSE, [VALLEY], figures_of(store), ["https://example.org/"])

    data = "https://data.example.org/.well-known/void#data"
    assert ["2"] == values(told, data, VOID + "triples")
    [part] = values(told, data, VOID + "classPartition")
    assert ["2"] == values(told, part, VOID + "entities")


def changes(number: int) -> list[Change]:
    return [Change(n, "valley", MORNING + timedelta(hours=n), n) for n in range(1, number + 1)]


def test_the_feed_can_be_followed_to_its_end_and_loses_no_change() -> None:
    listed = changes(2 * FEED_PAGE + 3)
    here, members = "https://data.example.org/feed?page=1", []
    while here:
        page = int(here.rpartition("=")[2])
        told, forever = feed(HOUSE, listed, page)
        members += values(told, "https://data.example.org/feed", TREE + "member")
        assert forever == (page < 3)
        nodes = [
            node
            for relation in values(told, here, TREE + "relation")
            for node in values(told, relation, TREE + "node")
        ]
        here = nodes[0] if nodes else ""

    assert len(listed) == len(set(members))


def test_a_register_taken_away_is_told_as_a_deletion() -> None:
    told, _ = feed(HOUSE, [*changes(1), Change(2, "valley", MORNING, None)], 1)

    deleted = values(told, "https://data.example.org/feed", LDES + "versionDeleteObject")
    assert deleted == values(
        told,
        "https://data.example.org/feed#2",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
    )
