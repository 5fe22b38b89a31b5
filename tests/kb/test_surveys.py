"""Scores of partnership questionnaires: imported by row or not at all, and read by the rules."""

from __future__ import annotations

import csv
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result

from holdfast.assess import assess
from holdfast.cli import main
from holdfast.shipped import shipped_folder

pytest.importorskip("morph_kgc", reason="the import of tables needs morph-kgc")

EASINGTON = "https://w3id.org/holdfast/id/venture/easington"
ORGANISATION = "https://w3id.org/holdfast/id/organisation/easington"
HEAD = "instrument,venture,partner,date,dimension,score,statements,respondents"


def row(partner: str, dimension: str, score: str, **more: str) -> str:
    cells = {"instrument": "pat", "date": "1995-05-01", "statements": "", "respondents": "4"} | more
    return ",".join(
        [
            cells["instrument"],
            EASINGTON,
            f"{ORGANISATION}/{partner}",
            cells["date"],
            dimension,
            score,
            cells["statements"],
            cells["respondents"],
        ]
    )


def imported(folder: Path, *rows: str) -> tuple[Result, Path]:
    (folder / "scores.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    out = folder / "scores.trig"
    words = ["import", "surveys", str(folder / "scores.csv"), "-o", str(out)]
    return CliRunner().invoke(main, words), out


def test_scores_become_findings_beside_those_of_the_register(tmp_path: Path, case_b: str) -> None:
    council, social = "easington-district-council", "social-services"
    done, out = imported(
        tmp_path,
        row(council, "trust", "23", statements="6"),
        row(social, "trust", "1.5"),
        row(council, "learning", "1.5"),
        row(social, "learning", "1.25", respondents=""),
        row(council, "need", "3.5"),
        row(social, "need", "3.25"),
    )
    assert 0 == done.exit_code, done.output

    found = {
        (finding.rule, finding.basis, finding.effect, finding.certainty)
        for venture in assess([case_b, str(out)], as_of="B3").ventures
        for finding in venture.findings
        if finding.rule.startswith(("scored-", "partners-score", "survey-"))
    }
    assert {
        ("partners-score-apart", "conduct", "watch", "perceived"),
        ("scored-low-by-partners", "adaptability", "undermines", "perceived"),
        ("scored-high-by-partners", "purpose", "supports", "perceived"),
    } == {one for one in found if one[0] != "survey-against-register"}

    store = ox.Store()
    store.load(out.read_bytes(), ox.RdfFormat.TRIG)
    means = {
        str(quad.object.value)  # type: ignore[union-attr]
        for quad in store.quads_for_pattern(
            None, ox.NamedNode("https://w3id.org/holdfast/ns#mean"), None
        )
    }
    assert "3.8333" in means


def test_a_score_that_cannot_be_right_is_told_by_row_and_column_and_nothing_is_imported(
    tmp_path: Path,
) -> None:
    done, out = imported(
        tmp_path,
        row("social-services", "trust", "2"),
        row("social-services", "trust", "3"),
        row("social-services", "barriers", "2"),
        row("social-services", "need", "22"),
        row("social-services", "purpose", "2", date="1995-02-30"),
        row("social-services", "learning", "2", instrument="swot"),
    )

    assert 2 == done.exit_code
    assert not out.exists()
    assert "stands in several rows" in done.output
    assert "row 6, column date" in done.output
    assert "row 7, column instrument: 'swot'" in done.output


def test_a_score_off_the_scale_or_on_no_dimension_is_refused(tmp_path: Path) -> None:
    done, out = imported(
        tmp_path, row("social-services", "barriers", "2"), row("social-services", "need", "22")
    )

    assert 2 == done.exit_code
    assert not out.exists()
    assert (
        "row 2, column instrument, dimension: 'pat, barriers' is not in dimensions" in done.output
    )
    assert "row 3" in done.output
    assert "does not lie on the instrument's scale: pat 1 to 4" in done.output


def test_the_dimensions_of_the_table_are_those_of_the_ontology() -> None:
    store = ox.Store()
    store.load((shipped_folder("ontology") / "instruments.ttl").read_bytes(), ox.RdfFormat.TURTLE)
    rows = store.query(
        """PREFIX hf: <https://w3id.org/holdfast/ns#>
        SELECT (STRAFTER(STR(?d), "#") AS ?name) (STR(?low) AS ?least) (STR(?high) AS ?most)
        { ?d hf:dimensionOf ?i . ?i hf:scaleFrom ?low ; hf:scaleTo ?high }"""
    )
    declared = {
        (name.value, float(least.value), float(most.value))  # type: ignore[union-attr]
        for name, least, most in rows  # type: ignore[misc]
    }
    file = shipped_folder("mappings") / "surveys" / "dimensions.csv"
    with file.open(encoding="utf-8", newline="") as table:
        listed = {
            (f"{r['instrument']}-{r['dimension']}", float(r["least"]), float(r["most"]))
            for r in csv.DictReader(table)
        }

    assert listed == declared
