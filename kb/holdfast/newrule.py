"""The folder of a new rule: one that works, to be made into what it shall be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from holdfast.errors import RuleError
from holdfast.vocabulary import HF, RULES

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_HEAD = f"""\
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix hf: <{HF}> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rule: <{RULES}> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

rule:ID a sh:NodeShape ;
  dcterms:identifier "ID" ;
  rdfs:label "LABEL"@en ;
  dcterms:description "Say here in two or three sentences what is so, and why it matters."@en ;
  dcterms:source "No source: house judgement. Say here who found it, or why you think so."@en ;
  skos:scopeNote "Say here when the rule is silent, and what it gets wrong."@en ;
"""

_STATUS = """\
  hf:status "experimental" ;
  dcterms:creator "Say here who wrote it" ;
  dcterms:created "DAY"^^xsd:date ;
  dcterms:modified "DAY"^^xsd:date ;
  sh:targetClass hf:Venture ;
"""

_EXAMPLE = f"""\
@prefix ex: <https://example.org/> .
@prefix hf: <{HF}> .

"""

_JUDGES = {
    "rule.ttl": f"""{_HEAD}\
  hf:remedy "Say here what would help."@en ;
  hf:lever hf:conduct ;
  hf:basis hf:conduct ;
  hf:effect hf:undermines ;
  hf:certainty hf:derived ;
{_STATUS}\
  sh:severity sh:Warning ;
  sh:sparql [
    a sh:SPARQLConstraint ;
    sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:message "{{$this}} has no terms of reference."@en ;
    sh:select \"\"\"
      SELECT DISTINCT $this
      WHERE {{
        $this hf:lacks hf:TermsOfReference .
      }}\"\"\" ] .
""",
    "fires.ttl": f"""{_EXAMPLE}\
ex:flood-forum a hf:Venture ;
  hf:lacks hf:TermsOfReference .
""",
    "quiet.ttl": f"""{_EXAMPLE}\
ex:flood-forum a hf:Venture ;
  hf:has ex:terms .
ex:terms a hf:TermsOfReference .
""",
    "report.ttl": f"""\
@prefix ex: <https://example.org/> .
@prefix rule: <{RULES}> .
@prefix sh: <http://www.w3.org/ns/shacl#> .

[] a sh:ValidationReport ;
  sh:conforms false ;
  sh:result [
    a sh:ValidationResult ;
    sh:focusNode ex:flood-forum ;
    sh:resultSeverity sh:Warning ;
    sh:sourceShape rule:ID ;
    sh:sourceConstraintComponent sh:SPARQLConstraintComponent ;
    sh:value ex:flood-forum ;
    sh:resultMessage "https://example.org/flood-forum has no terms of reference."@en ] .
""",
}

_INFERS = {
    "rule.ttl": f"""{_HEAD}{_STATUS}\
  sh:rule [
    a sh:SPARQLRule ;
    sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:construct \"\"\"
      CONSTRUCT {{ $this hf:anchorPartner ?partner }}
      WHERE {{
        $this hf:essentialPartner ?partner .
      }}\"\"\" ] .
""",
    "before.ttl": f"""{_EXAMPLE}\
ex:flood-forum a hf:Venture ;
  hf:essentialPartner ex:water-company .
""",
    "after.ttl": f"""{_EXAMPLE}\
ex:flood-forum hf:anchorPartner ex:water-company .
""",
}


def make_rule(
    name: str, folder: Path, *, infers: bool, day: date, taken: Iterable[str] = ()
) -> list[Path]:
    """Make the folder of a new rule in `folder`; returns its files.

    It holds a rule that does what its examples say. Raises RuleError for a name that cannot be one
    or is `taken`, and where the folder is there or cannot be made; then nothing is.
    """
    if not _NAME.fullmatch(name):
        raise RuleError(
            f"'{name}' cannot be the id of a rule.",
            mend="Say what is wrong in small letters joined by hyphens, such as poor-boundary-fit.",
        )
    place = folder / name
    if name in set(taken):
        raise RuleError(f"there is a rule {name} already.", mend="Choose another id.")
    label = name.replace("-", " ").capitalize()
    files = {
        place / file: text.replace("ID", name).replace("LABEL", label).replace("DAY", str(day))
        for file, text in (_INFERS if infers else _JUDGES).items()
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place.mkdir()
        for file, text in files.items():
            file.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise RuleError(
            "there is a file or folder of that name; nothing was written.", where=str(place),
            mend="Choose another id, or take it away.",
        ) from None  # fmt: skip
    except OSError as error:
        raise RuleError(
            f"the rule cannot be written: {error.strerror or error}.", where=str(place)
        ) from None
    return list(files)
