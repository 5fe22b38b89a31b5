"""The landscape: ventures and findings looked through."""

from __future__ import annotations

from typing import Any

from holdfast.assess import Finding, VentureAssessment
from holdfast.vocabulary import BASES
from holdfast_service.assessor import Edited, Judged
from holdfast_service.landscape import Landscape, page_of, ventures_by_slug

PLACE = "https://example.org/ventures/"


def finding(rule: str, venture: str, effect: str = "undermines", basis: str = "fit") -> Finding:
    return Finding(
        0, rule, basis, effect, "warning", "stated", f"{rule} in {venture}.", (),
        f"https://example.org/findings/{venture}-{rule}", "",
    )  # fmt: skip


def venture(name: str, *findings: Finding, **standing: str) -> VentureAssessment:
    return VentureAssessment(
        PLACE + name,
        name.replace("-", " ").title(),
        "early",
        dict.fromkeys(BASES, "unknown") | standing,
        findings,
    )


def landscape(*ventures: VentureAssessment) -> Landscape:
    return Landscape(Judged("latest", None, 10, {}, ventures, {}, (), ()), 1)


HARBOUR = venture("harbour-health", finding("poor-boundary-fit", "harbour-health"), fit="weak")
VALLEY = venture("valley-sport", purpose="sound")


def names(found: Any) -> list[str]:
    return [one.iri.removeprefix(PLACE) for one in found]


def test_the_most_worrying_venture_comes_first() -> None:
    assert ["harbour-health", "valley-sport"] == names(landscape(VALLEY, HARBOUR).ventures())


def test_ventures_are_found_by_name_standing_and_rule() -> None:
    all_of_them = landscape(HARBOUR, VALLEY)

    assert ["valley-sport"] == names(all_of_them.ventures(name="SPORT"))
    assert ["harbour-health"] == names(all_of_them.ventures(basis="fit", standing="weak"))
    assert [] == names(all_of_them.ventures(basis="purpose", standing="weak"))
    assert ["harbour-health"] == names(all_of_them.ventures(standing="weak"))
    assert ["harbour-health"] == names(all_of_them.ventures(rule="poor-boundary-fit"))
    assert ["valley-sport"] == names(all_of_them.ventures(among=[PLACE + "valley-sport"]))


def test_findings_are_found_by_what_they_say() -> None:
    all_of_them = landscape(HARBOUR, VALLEY)

    assert 1 == len(all_of_them.findings(basis="fit", effect="undermines"))
    assert [] == all_of_them.findings(effect="supports")


def test_an_edit_makes_a_new_landscape_and_leaves_the_old_one() -> None:
    before = landscape(HARBOUR, VALLEY)
    mended = venture("harbour-health", fit="sound")

    after = before.after(Edited(ventures=(mended,), gone=(VALLEY.iri,)), 2, 9)

    assert ["harbour-health"] == names(after.ventures())
    assert [] == after.risks()
    assert (2, 9) == (after.commit, after.judged.triples)
    assert [("poor-boundary-fit", 1)] == before.risks()


def test_a_page_beyond_the_last_is_empty() -> None:
    assert ([1, 2], 3, 5) == ((p := page_of([1, 2, 3, 4, 5], 1, 2)).rows, p.last, p.total)
    assert [] == page_of([1, 2, 3], 9, 2).rows


def test_ventures_whose_iris_end_alike_get_pages_of_their_own_in_any_order() -> None:
    north, south = (
        VentureAssessment(f"https://{side}.example/sport", "Sport", "early", {}, ())
        for side in ("north", "south")
    )

    assert {"sport": north, "sport-2": south} == ventures_by_slug([north, south])
    assert {"sport": north, "sport-2": south} == ventures_by_slug([south, north])
