"""The same organisation in several registers: codes first, then names, never merged unasked."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from pathlib import Path

import pyoxigraph as ox
from rapidfuzz import fuzz, process

from holdfast.columns import Columns, Limits
from holdfast.errors import SourceError, UnknownNameError
from holdfast.limits import Progress
from holdfast.ontology import read_ontology
from holdfast.vocabulary import DCTERMS, HF, IDS, OWL, RDF_TYPE, RDFS, SKOS, XSD

METHODS = {
    "same-code": "derived",
    "same-name": "estimated",
    "similar-name": "estimated",
    "said-by-person": "stated",
}
"""How a correspondence was found, and how certain that makes it."""

DECISIONS = ("same", "different", "")
COLUMNS = (
    "one", "one_name", "other", "other_name", "method", "confidence", "why", "leads_to", "decision",
)  # fmt: skip
"""The columns of the list that a person goes through."""


@dataclass(frozen=True)
class Entry:
    """An organisation as one source describes it. `codes` are pairs of scheme and code."""

    source: int
    iri: str
    name: str
    names: tuple[str, ...] = ()
    codes: frozenset[tuple[str, str]] = frozenset()
    kinds: frozenset[str] = frozenset()
    started: str = ""
    ended: str = ""
    heirs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Correspondence:
    """That two entries may stand for one organisation.

    `method` is one of METHODS; `confidence` runs from 0 to 1; `why` says on what it rests, and what
    speaks against it. `leads_to` are the organisations that have taken over since, each with the
    day or year on which its predecessor ended (or nothing). `decision` is that of a person.
    """

    one: Entry
    other: Entry
    method: str
    confidence: float
    why: str
    leads_to: tuple[tuple[str, str], ...] = ()
    decision: str = ""


def correspondences(
    sources: Sequence[str],
    *,
    least: float = 0.75,
    decisions: Mapping[frozenset[str], str] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> list[Correspondence]:
    """Pairs of organisations that may be one, the surest first, and then by name.

    Organisations of different sources are compared; those of a single source with one another.
    `least` is how alike names must be, from 0 to 1. `decisions` are those of a person, by the pair
    of IRIs: what was said to be different is left out of what may be one.

    Raises SourceError, and UnknownNameError for a decision on what no source describes.
    """
    tell = progress or (lambda text, done, total: None)
    entries: list[Entry] = []
    for number, source in enumerate(sources):
        tell("Reading", number, len(sources))
        entries += _entries(source, number if len(sources) > 1 else 0, limits)
    within = len(sources) == 1
    found: dict[frozenset[str], Correspondence] = {}
    for one in _by_code(entries, within):
        found.setdefault(frozenset((one.one.iri, one.other.iri)), one)
    tell("Comparing", 0, 1)
    for one in _by_name(entries, within, least, set(found), tell):
        found.setdefault(frozenset((one.one.iri, one.other.iri)), one)
    decided = dict(decisions or {})
    known = {entry.iri: entry for entry in reversed(entries)}
    if strange := sorted({iri for pair in decided for iri in pair} - set(known)):
        raise UnknownNameError(
            f"<{strange[0]}> is decided on, and no source describes it as an organisation.",
            mend="Name the register that does, or take its row out of the list.",
        )
    for pair, decision in decided.items():
        if decision and pair not in found:
            first, second = sorted(pair)
            found[pair] = Correspondence(
                known[first], known[second], "said-by-person", 1.0, "a person said so"
            )
    heirs = {entry.iri: entry for entry in entries if entry.heirs}
    made = [
        _decided(replace(one, leads_to=_heirs_of(one, heirs)), decided.get(pair, ""))
        for pair, one in found.items()
    ]
    return sorted(made, key=lambda one: (-one.confidence, one.one.name, one.one.iri, one.other.iri))


def _decided(one: Correspondence, decision: str) -> Correspondence:
    if not decision:
        return one
    why = one.why if one.method == "said-by-person" else f"a person said so; {one.why}"
    return replace(one, method="said-by-person", confidence=1.0, why=why, decision=decision)


# -- reading -----------------------------------------------------------------------------------

_NAMES = (
    RDFS + "label", SKOS + "prefLabel", SKOS + "altLabel", DCTERMS + "title",
    "http://xmlns.com/foaf/0.1/name", "https://schema.org/name",
    "http://www.w3.org/ns/regorg#legalName",
)  # fmt: skip
_CODES = (
    DCTERMS + "identifier", SKOS + "notation", "http://www.w3.org/ns/org#identifier",
    "http://www.w3.org/ns/adms#identifier", "http://www.w3.org/ns/regorg#registration",
    "https://schema.org/identifier",
)  # fmt: skip
_SUCCESSIONS = (HF + "succeededBy", HF + "mergedInto", DCTERMS + "isReplacedBy")


def _entries(source: str, number: int, limits: Limits | None) -> list[Entry]:
    """The organisations that a source describes, in the order of their IRIs."""
    columns = Columns(limits)
    columns.load([source], background=read_ontology().files)
    columns.build("SELECT s, p, o, 0 AS c, 0 AS r FROM quads")
    cls = columns.id_of(f"<{HF}Organisation>")
    columns.con.execute(
        f"CREATE TEMP TABLE found AS SELECT DISTINCT s FROM {columns.table(RDF_TYPE)}"
        f" WHERE o = {cls} AND s % 2 = 0"
    )

    def values(predicates: Iterable[str]) -> dict[int, list[tuple[str, str, str]]]:
        """Of each organisation: N-Triples, text and datatype of the values, in their order."""
        read: dict[int, list[tuple[str, str, str]]] = {}
        for predicate in predicates:
            rows = columns.rows(
                f"SELECT s, n3, lex, coalesce(dt, '') FROM {columns.table(predicate)} JOIN found"
                " USING (s) JOIN terms ON terms.id = o ORDER BY s, n3"
            )
            for node, *value in rows:
                read.setdefault(node, []).append(tuple(value))
        return read

    names, codes = values(_NAMES), values(_CODES)
    kinds = values((HF + "kind", HF + "sector"))
    started, ended = values((HF + "started",)), values((HF + "ended",))
    heirs = values(_SUCCESSIONS)
    nodes = columns.rows(
        "SELECT s, lex FROM found JOIN terms ON terms.id = s WHERE n3[1] = '<' ORDER BY lex"
    )
    described = _identifier_nodes(columns)
    made = []
    for node, iri in nodes:
        called = [text for _, text, _ in names.get(node, [])]
        made.append(
            Entry(
                source=number,
                iri=iri,
                name=called[0] if called else re.split(r"[/#]", iri.rstrip("/#"))[-1],
                names=tuple(dict.fromkeys(filter(None, map(normal, called)))),
                codes=frozenset(_codes(iri, codes.get(node, []), described)),
                kinds=frozenset(text for _, text, _ in kinds.get(node, [])),
                started=min((text for _, text, _ in started.get(node, [])), default=""),
                ended=max((text for _, text, _ in ended.get(node, [])), default=""),
                heirs=tuple(text for n3, text, _ in heirs.get(node, []) if n3.startswith("<")),
            )
        )
    return made


def _identifier_nodes(columns: Columns) -> dict[str, tuple[str, str]]:
    """The code and scheme of each adms:Identifier, by its N-Triples name."""
    rows = columns.rows(
        f"SELECT n.n3, c.lex, coalesce(c.dt, ''), coalesce(a.lex, '')"
        f" FROM {columns.table(SKOS + 'notation')} x JOIN terms n ON n.id = x.s"
        f" JOIN terms c ON c.id = x.o LEFT JOIN"
        f" {columns.table('http://www.w3.org/ns/adms#schemaAgency')} y ON y.s = x.s"
        " LEFT JOIN terms a ON a.id = y.o ORDER BY 1, 2"
    )
    return {node: (code, agency or scheme) for node, code, scheme, agency in rows}


def _codes(
    iri: str, values: Iterable[tuple[str, str, str]], described: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    for n3, text, datatype in values:
        code, scheme = (text, datatype) if n3.startswith('"') else described.get(n3, ("", ""))
        code = code.strip().upper()
        if code:
            yield scheme_of(code, scheme), code
    tail = re.split(r"[/#:]", iri)[-1]
    if _GSS.fullmatch(tail):
        yield "gss", tail


_GSS = re.compile(r"[EWSNK]\d{8}")
_ORG_ID = re.compile(r"[A-Z]{2}-[A-Z0-9]+-\S+")
_VAGUE = {"", "string", "langstring", "code", "id", "identifier", "token", "integer", "notation"}


def scheme_of(code: str, named: str) -> str:
    """The scheme of a code: what it looks like, else as it is named; nothing if neither tells.

    Codes of the Office for National Statistics and those of org-id.guide are known by their form.
    Of an IRI the last part counts, so that two registers may name one scheme at two addresses.
    """
    if _GSS.fullmatch(code):
        return "gss"
    if _ORG_ID.fullmatch(code):
        return "org-id"
    tail = re.split(r"[/#]", named.rstrip("/#"))[-1].casefold()
    tail = re.sub(r"[-_]?(code|id|number)$", "", tail) or tail
    return "" if tail in _VAGUE or named.startswith(XSD) else tail


SHORT = {
    "bc": "borough council", "cc": "county council", "dc": "district council",
    "mbc": "metropolitan borough council", "mdc": "metropolitan district council",
    "ccg": "clinical commissioning group", "icb": "integrated care board",
    "pct": "primary care trust", "univ": "university", "assoc": "association", "ass": "association",
    "dept": "department", "govt": "government", "saint": "st", "co": "company",
}  # fmt: skip
"""What short forms in names stand for."""

LEGAL = {
    "ltd", "limited", "plc", "llp", "cic", "cio", "inc", "gmbh", "ag", "ev", "sa", "sas", "sarl",
    "srl", "spa", "bv", "nv", "ab", "as", "oy", "aps", "kg", "sl", "sro", "doo", "the", "of", "and",
    "for", "de", "la", "le", "der", "die", "das", "und", "et", "di",
}  # fmt: skip
"""Words that tell no two organisations apart: legal forms, articles and the like."""


def normal(name: str) -> str:
    """A name without case, accents, punctuation, legal forms and short forms, its words in order.

    A name of nothing but such words is kept.
    """
    # twice, for a bold or full-width letter has a small form only once it is decomposed
    plain = unicodedata.normalize("NFKD", name).casefold().replace("ø", "o")
    plain = unicodedata.normalize("NFKD", plain)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = re.sub(r"(?<=\w)['\u2019.](?=\w)", "", plain)
    words = re.findall(r"\w+", plain)
    told = [SHORT.get(word, word) for word in words if word not in LEGAL]
    return " ".join(told or words)


# -- comparing ---------------------------------------------------------------------------------


def _by_code(entries: Sequence[Entry], within: bool) -> Iterator[Correspondence]:
    holders: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        for scheme, code in entry.codes:
            if scheme or (len(code) >= 5 and any(sign.isdigit() for sign in code)):
                holders.setdefault((scheme, code), []).append(entry)
    for (scheme, code), same in sorted(holders.items(), key=lambda item: (not item[0][0], item[0])):
        for one, other in _pairs(same, within):
            confidence = 0.99 if scheme else 0.85
            why = f"both have the code {code}" + (f" ({scheme})" if scheme else "")
            doubts = list(_doubts(one, other))
            if one.names and other.names and _likeness(one, other) < 0.4:
                doubts.append("their names have little in common")
            yield _doubted(one, other, "same-code", confidence, why, doubts)


def _pairs(same: Sequence[Entry], within: bool) -> Iterator[tuple[Entry, Entry]]:
    for place, one in enumerate(same):
        for other in same[place + 1 :]:
            if one.iri != other.iri and (within or one.source != other.source):
                yield one, other


def _likeness(one: Entry, other: Entry) -> float:
    return max(fuzz.token_set_ratio(a, b) for a in one.names for b in other.names) / 100


def _doubts(one: Entry, other: Entry) -> Iterator[str]:
    """What speaks against two entries being one."""
    for early, late in ((one, other), (other, one)):
        size = min(len(early.ended), len(late.started))
        if early.ended and late.started and early.ended[:size] < late.started[:size]:
            yield "one ended before the other began"
    if one.kinds and other.kinds and not one.kinds & other.kinds:
        yield "they are of different kinds"


def _doubted(
    one: Entry, other: Entry, method: str, confidence: float, why: str, doubts: Sequence[str]
) -> Correspondence:
    whole = "; but ".join([why, *doubts])
    return Correspondence(one, other, method, round(confidence * 0.8 ** len(doubts), 2), whole)


def _by_name(
    entries: Sequence[Entry],
    within: bool,
    least: float,
    done: set[frozenset[str]],
    tell: Progress,
) -> Iterator[Correspondence]:
    """Correspondences by name.

    Only names that share a rare word, or its beginning or end, are compared, and of these only the
    ones that are near by letters are weighed word by word.
    """
    forms: dict[int, list[tuple[str, Entry]]] = {}
    for entry in entries:
        forms.setdefault(entry.source, []).extend((name, entry) for name in entry.names)
    weights = _Weights(name for listed in forms.values() for name, _ in listed)
    # the smaller of two sources asks the larger, so that few questions are put to a large index
    order = sorted(forms, key=lambda source: (len(forms[source]), source))
    for place, asking in enumerate(order):
        for asked in [asking] if within else order[place + 1 :]:
            index = _Index(forms[asked])
            for number, (name, entry) in enumerate(forms[asking]):
                if number % 500 == 0:
                    tell("Comparing", number, len(forms[asking]))
                listed = []
                for text, other in index.near(name):
                    pair = frozenset((entry.iri, other.iri))
                    if len(pair) < 2 or pair in done or (within and entry.iri > other.iri):
                        continue
                    score = 1.0 if text == name else weights.likeness(name, text)
                    if score >= least:
                        listed.append((score, entry, other, text == name))
                if listed:
                    yield from _chosen(listed)


class _Index:
    """The names of one source, to be found by a rare word, its beginning or its end."""

    def __init__(self, forms: Sequence[tuple[str, Entry]]) -> None:
        self._forms = forms
        self._blocks: dict[str, list[int]] = {}
        for place, (name, _) in enumerate(forms):
            for key in _keys(name):
                self._blocks.setdefault(key, []).append(place)
        self._most = max(60, len(forms) // 150)

    def near(self, name: str) -> Iterator[tuple[str, Entry]]:
        """The names nearest to one by letters, with whose they are."""
        among: dict[int, str] = {}
        for key in _keys(name):
            members = self._blocks.get(key, ())
            if len(members) <= self._most or key[0] == "=":
                among.update((place, self._forms[place][0]) for place in members)
        for text, _, place in process.extract(
            name, among, scorer=fuzz.token_sort_ratio, score_cutoff=60, limit=12
        ):
            yield text, self._forms[place][1]


def _chosen(listed: list[tuple[float, Entry, Entry, bool]]) -> Iterator[Correspondence]:
    """The nearest of those that are like one entry; several where they are about as near."""
    top = max(score for score, *_ in listed)
    near = {other.iri: (score, one, other, same) for score, one, other, same in sorted(
        (found for found in listed if found[0] >= top - 0.02), key=lambda found: found[0]
    )}  # fmt: skip
    for score, one, other, same in near.values():
        doubts = list(_doubts(one, other))
        schemes = {scheme for scheme, _ in one.codes} & {scheme for scheme, _ in other.codes} - {""}
        if schemes:
            doubts.append(f"their codes differ ({', '.join(sorted(schemes))})")
        if len(near) > 1:
            doubts.append(f"{len(near)} entries are about as near")
        confidence = 0.95 if same else 0.9 * score
        why = "their names are the same" if same else "their names are much alike"
        method = "same-name" if same else "similar-name"
        yield _doubted(one, other, method, confidence / len(near), why, doubts)


def _keys(name: str) -> Iterator[str]:
    """The blocks that a name is in."""
    yield f"={name}"
    for word in set(name.split()):
        yield word
        if len(word) > 5:
            yield f"{word[:5]}-"
            yield f"-{word[-5:]}"


class _Weights:
    """How much each word tells, by how rare it is; and how alike names are by that."""

    def __init__(self, names: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        total = 0
        for name in names:
            counts.update(set(name.split()))
            total += 1
        self._weight = {word: math.log(1 + total / count) for word, count in counts.items()}

    def likeness(self, one: str, other: str) -> float:
        """From 0 to 1: the weight of the words that two names share, misspelt ones by degree."""
        left, right = one.split(), other.split()
        rest = list(right)
        shared = 0.0
        for word in left:
            if not rest:
                break
            ratio, match = max((fuzz.ratio(word, each) / 100, each) for each in rest)
            if word == match or (ratio >= 0.84 and min(len(word), len(match)) > 3
                                 and not any(sign.isdigit() for sign in word + match)):  # fmt: skip
                rest.remove(match)
                shared += ratio * (self._weight[word] + self._weight[match])
        whole = sum(self._weight[word] for word in left + right)
        return shared / whole if whole else 0.0


# -- successions -------------------------------------------------------------------------------


def _heirs_of(one: Correspondence, heirs: Mapping[str, Entry]) -> tuple[tuple[str, str], ...]:
    """Those that have taken over from either entry since, the last of each line, with the day."""
    found: dict[str, str] = {}
    pair = {one.one.iri, one.other.iri}

    def follow(iri: str, seen: frozenset[str], day: str) -> None:
        entry = heirs.get(iri)
        if entry is None:
            if iri not in pair:
                found.setdefault(iri, day)
            return
        for heir in entry.heirs:
            if heir not in seen:
                follow(heir, seen | {heir}, entry.ended or day)

    for iri in sorted(pair):
        follow(iri, frozenset((iri,)), "")
    return tuple(sorted(found.items()))


# -- what a person says ------------------------------------------------------------------------


def review_list(found: Iterable[Correspondence]) -> str:
    """The correspondences that nobody has decided on, as CSV for a person to go through."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in found:
        if not one.decision:
            leads = " ".join(f"{iri} ({day})" if day else iri for iri, day in one.leads_to)
            table.writerow(
                [
                    one.one.iri,
                    _inert(one.one.name),
                    one.other.iri,
                    _inert(one.other.name),
                    one.method,
                    f"{one.confidence:.2f}",
                    one.why,
                    leads,
                    "",
                ]
            )
    return written.getvalue()


def _inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def read_decisions(file: Path) -> dict[frozenset[str], str]:
    """What a person decided in a list, by the pair of IRIs: same or different.

    Rows without a decision are passed over. Raises SourceError naming file, row and column.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SourceError(f"the list cannot be read: {reason}.", where=str(file)) from None
    table = csv.DictReader(io.StringIO(text, newline=""))
    lacking = [
        name for name in ("one", "other", "decision") if name not in (table.fieldnames or ())
    ]
    if lacking:
        raise SourceError(
            f"the list has no column {lacking[0]}.",
            where=f"{file}: row 1",
            mend="`--review FILE.csv` writes a list with all columns; fill in the last.",
        )
    found: dict[frozenset[str], str] = {}
    for row in table:
        place = f"{file}: row {table.line_num}"
        decision = (row["decision"] or "").strip().casefold()
        if decision not in DECISIONS:
            raise SourceError(
                f"'{row['decision']}' is no decision.",
                where=f"{place}, column decision",
                mend="Write same or different, or nothing.",
            )
        pair = frozenset(((row["one"] or "").strip(), (row["other"] or "").strip()))
        if not decision:
            continue
        if len(pair) < 2 or "" in pair:
            raise SourceError(
                "a decision is about two organisations.",
                where=f"{place}, column other",
                mend="Name two addresses in the columns one and other.",
            )
        if found.get(pair, decision) != decision:
            raise SourceError(
                "another row says the contrary of these two.",
                where=f"{place}, column decision",
                mend="Keep one of the rows.",
            )
        found[pair] = decision
    return found


# -- writing -----------------------------------------------------------------------------------


def links_turtle(found: Iterable[Correspondence]) -> str:
    """Correspondences as statements, and what a person has confirmed as owl:sameAs.

    What was said to be different is owl:differentFrom. Nothing that is unconfirmed says that two
    are one: no reasoner merges anything because of it.
    """
    triples: list[ox.Triple] = []

    def say(subject: str, predicate: str, value: ox.NamedNode | ox.Literal) -> None:
        triples.append(ox.Triple(ox.NamedNode(subject), ox.NamedNode(predicate), value))

    for one in found:
        first, second = sorted((one.one.iri, one.other.iri))
        if one.decision:
            relation = "sameAs" if one.decision == "same" else "differentFrom"
            say(first, OWL + relation, ox.NamedNode(second))
        if one.decision == "different":
            continue
        mark = md5(f"{first} {second}".encode(), usedforsecurity=False).hexdigest()
        node = f"{IDS}correspondence/{mark}"
        say(node, RDF_TYPE, ox.NamedNode(HF + "Correspondence"))
        for iri in (first, second):
            say(node, HF + "between", ox.NamedNode(iri))
        say(node, HF + "method", ox.NamedNode(HF + one.method))
        say(node, HF + "certainty", ox.NamedNode(HF + METHODS[one.method]))
        decimal = ox.NamedNode(XSD + "decimal")
        say(node, HF + "confidence", ox.Literal(f"{one.confidence:.2f}", datatype=decimal))
        say(node, RDFS + "comment", ox.Literal(one.why, language="en"))
        for iri, day in one.leads_to:
            say(node, HF + "leadsTo", ox.NamedNode(iri))
            if day:
                kind = "date" if len(day) > 4 else "gYear"
                say(node, HF + "date", ox.Literal(day, datatype=ox.NamedNode(XSD + kind)))
    prefixes = {"hf": HF, "owl": OWL, "rdfs": RDFS, "xsd": XSD}
    written = ox.serialize(
        list(dict.fromkeys(triples)), format=ox.RdfFormat.TURTLE, prefixes=prefixes
    )
    return (written or b"").decode("utf-8")
