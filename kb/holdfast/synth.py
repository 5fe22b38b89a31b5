"""A made-up register: plausible ventures in made-up places, with risks planted as facts.

Places come in counties of eight districts. Each district has its own council, health partnership
and voluntary bodies, whose areas match or lie within the district, and a few ventures; each county
has bodies of its own and two ventures across it. Partners and topics are shared so sparingly that
no rule fires by accident: a venture shows a risk of `PLANTABLE` only where its facts were planted.

The register holds facts alone. What was planted is told in a key beside it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import IO, Protocol

from holdfast.errors import HoldfastError, SourceError
from holdfast.vocabulary import DCTERMS, HF, IDS, RDF_TYPE, RDFS, SKOS, XSD

DRAWN_UP = date(2026, 6, 30)
"""The day of which the register tells; what was planted is true of it for a year after."""

EARLY = (
    "accountability-gap",
    "driven-by-few",
    "early-opportunity-lost",
    "essential-partner-missing",
    "imposed-timescale",
    "institutional-resistance",
    "internal-legitimacy-unbuilt",
    "mandate-without-purpose",
    "missing-delivery-link",
    "no-capacity",
    "no-core-productive-capacity",
    "no-ground-for-value",
    "no-meaningful-purpose",
    "no-resources-for-participation",
    "no-teeth",
    "poor-fit",
    "senior-players-absent",
    "task-exceeds-agreement",
    "token-membership",
)
SOON = (
    "accountability-gap",
    "competing-guidance",
    "conduct-builds-no-value",
    "conduct-neglected",
    "dissipates-resources",
    "institutional-resistance",
    "internal-legitimacy-unbuilt",
    "invisible-identity",
    "involvement-capacity-needed",
    "level-gap",
    "limited-ownership",
    "little-value-on-joint-working",
    "no-core-productive-capacity",
    "no-regular-review",
    "person-dependence",
    "planning-process-gap",
    "poor-conduct",
    "post-adoption-drift",
    "tenuous-connection",
    "unclear-terms-and-weak-communication",
    "unfacilitated-groups",
    "uninformed-participants",
)
LONG = ("no-regular-review", "not-adapting", "person-dependence", "value-unmanaged")
ANY_STAGE = ("contested-need", "no-common-purpose", "subsidy-dependence", "underpowered-post")
BY_PLACE = ("poor-boundary-fit", "proliferation", "unclear-relation-to-existing-ventures")

PLANTABLE = tuple(sorted({*EARLY, *SOON, *LONG, *ANY_STAGE, *BY_PLACE}))
"""The rules whose patterns are planted, each for the stages in which it can fire."""

IMPLIED = {
    "conduct-neglected": ("no-regular-review", "poor-conduct"),
    "no-capacity": ("no-core-productive-capacity", "no-teeth"),
}
"""What else must fire with a rule: whoever lacks all resources also lacks a post."""

_SUBJECTS = {
    "conduct": ("conduct-neglected", "no-regular-review", "poor-conduct", "value-unmanaged"),
    "members": (
        "essential-partner-missing",
        "level-gap",
        "senior-players-absent",
        "token-membership",
    ),
    "plans": (
        "limited-ownership",
        "no-ground-for-value",
        "post-adoption-drift",
        "tenuous-connection",
    ),
    "projects": ("early-opportunity-lost", "imposed-timescale", "missing-delivery-link"),
    "purposes": (
        "contested-need",
        "mandate-without-purpose",
        "no-common-purpose",
        "no-meaningful-purpose",
        "task-exceeds-agreement",
    ),
    "resources": (
        "no-capacity",
        "no-core-productive-capacity",
        "no-teeth",
        "subsidy-dependence",
        "underpowered-post",
    ),
}
"""Risks about one subject exclude each other: their facts would contradict."""
_SUBJECT_OF = {rule: subject for subject, rules in _SUBJECTS.items() for rule in rules}

_VIEWS = {
    "conduct-builds-no-value": ("conduct-builds-no-value",),
    "dissipates-resources": ("drain-on-resources",),
    "involvement-capacity-needed": ("involvement-capacity-needed",),
    "little-value-on-joint-working": (
        "little-value-on-joint-working",
        "little-collaborative-vision",
    ),
    "planning-process-gap": ("planning-gap",),
    "unclear-terms-and-weak-communication": (
        "communication-weak",
        "key-groups-not-fully-involved",
        "terms-of-reference-unclear",
    ),
}
"""The risks that are planted as somebody's view, with the conditions that the view may name."""

_THEMES = (
    "active travel", "carers' support", "community safety", "fuel poverty",
    "healthy ageing", "healthy schools", "mental wellbeing", "young people's skills",
)  # fmt: skip
_STARTS = (
    "Ald", "Amber", "Ash", "Beck", "Birch", "Bram", "Brock", "Carr", "Cold", "Cran", "Dun", "East",
    "Elm", "Fair", "Fen", "Gar", "Hal", "Hart", "Hather", "Holl", "Ken", "Lang", "Lin", "Marl",
    "Mil", "Nor", "Oak", "Pen", "Rad", "Ravens", "Salt", "Sed", "Stan", "Thorn", "Wal", "Whit",
)  # fmt: skip
_ENDS = (
    "bridge", "bury", "by", "combe", "dale", "don", "field", "ford", "ham", "hurst", "ley",
    "mere", "mouth", "sett", "stead", "thorpe", "ton", "wick", "worth",
)  # fmt: skip
_QUALIFIERS = ("", "Great ", "Little ", "North ", "South ", "Upper ")
_FORMS = ("alliance", "federative-system", "loose-network")
_GRADES = {
    1: "support-staff",
    2: "specialist",
    3: "middle-manager",
    4: "senior-officer",
    5: "chief-officer",
}
_OUTPUTS = (
    "A joint advice line",
    "A new drop-in session",
    "A shared training course",
    "A walking programme",
)
_OBJECTIVES = ("Reach those whom nobody reaches now", "Bring waiting down", "Train staff together")

DISTRICTS = 8
"""Districts to a county."""
USUAL = 3
"""Ventures to a district, so few that no partner sits in too many of them."""
CROWDED = 6
"""Ventures to a district in which partners sit in too many."""
ACROSS = 2
"""Ventures to a county that work across it."""

Pair = tuple[str, str]


def write_register(
    ventures: int,
    seed: int,
    out: Path,
    *,
    risk: float = 0.65,
    drawn_up: date = DRAWN_UP,
) -> dict[str, int]:
    """How many ventures, organisations, triples and planted risks the register in `out` came to.

    The format follows the name: .nq (fastest), .nt, .ttl or .trig, each also with .gz; `-` writes
    N-Quads to standard output. `risk` is the chance that a venture is planted with a risk at all;
    about a third of those get a second. `<out>.planted.csv` gets the key: venture, rule. The same
    arguments give the same bytes. Raises HoldfastError for a number that makes no register and
    SourceError for a format not written here; a register is complete or not there.
    """
    if ventures < 1:
        raise HoldfastError(f"{ventures} ventures make no register.", mend="Ask for one or more.")
    if not 0 <= risk <= 1:
        raise HoldfastError(f"{risk} is not a chance.", mend="Give a risk from 0 to 1.")
    with _opened(out) as stream, _key_beside(out) as key:
        register = _iri("register", f"made-up-{seed}-{ventures}")
        sheet = _Sheet(stream, _format_of(out), register)
        world = _World(
            Random(seed), seed, sheet, csv.writer(key, lineterminator="\n"), risk, drawn_up
        )
        sheet.begin()
        sheet.put(
            register,
            "Register",
            [
                (DCTERMS + "title", text("A made-up register")),
                (
                    DCTERMS + "description",
                    text("Made up for trials. No place or body in it exists."),
                ),
            ],
        )
        world.write(ventures)
        sheet.end()
    return {
        "ventures": ventures,
        "organisations": world.organisations,
        "triples": sheet.triples,
        "planted": world.planted,
    }


# -- terms and lines -----------------------------------------------------------------------------


def _iri(kind: str, name: str) -> str:
    return f"<{IDS}{kind}/{name}>"


def term(name: str) -> str:
    """A term of our ontology in N-Triples."""
    return f"<{HF}{name}>"


def text(words: str) -> str:
    """English words as a literal; the words made here need no escapes."""
    return f'"{words}"@en'


def number(value: int) -> str:
    """An integer literal."""
    return f'"{value}"^^<{XSD}integer>'


def day(value: date) -> str:
    """A date literal."""
    return f'"{value.isoformat()}"^^<{XSD}date>'


TRUE = f'"true"^^<{XSD}boolean>'
FALSE = f'"false"^^<{XSD}boolean>'
_TYPE = f"<{RDF_TYPE}>"


class _Key(Protocol):
    """Where the key to what was planted goes, row by row."""

    def writerow(self, row: tuple[str, str], /) -> object: ...


class _Sheet:
    """The register as it is written, one subject after another."""

    def __init__(self, stream: IO[bytes], kind: str, register: str) -> None:
        self.stream = stream
        self.register = register
        self.triples = 0
        self._readable = kind in (".ttl", ".trig")
        self._wrapped = kind == ".trig"
        self._tail = f" {register} .\n" if kind == ".nq" else " .\n"
        self._lines: list[str] = []

    def begin(self) -> None:
        if self._readable:
            prefixes = {
                "dcterms": DCTERMS,
                "hf": HF,
                "id": IDS,
                "rdfs": RDFS,
                "skos": SKOS,
                "xsd": XSD,
            }
            self._lines += [f"@prefix {name}: <{iri}> .\n" for name, iri in prefixes.items()]
        if self._wrapped:
            self._lines.append(f"\n{self.register} {{\n")

    def put(self, subject: str, kind: str, facts: Iterable[Pair]) -> None:
        """Write one subject: its class, then pairs of a predicate (a term of ours, or an IRI) and
        an object in N-Triples."""
        pairs = [(_TYPE, term(kind) if ":" not in kind else f"<{kind}>")]
        pairs += [(f"<{name}>" if ":" in name else f"<{HF}{name}>", value) for name, value in facts]
        self.triples += len(pairs)
        if self._readable:
            said = " ;\n  ".join(
                f"{_short(predicate)} {_short(value)}" for predicate, value in pairs
            )
            self._lines.append(f"\n{subject} {said} .\n")
        else:
            tail = self._tail
            self._lines += [f"{subject} {predicate} {value}{tail}" for predicate, value in pairs]
        if len(self._lines) > 20_000:
            self._flush()

    def end(self) -> None:
        if self._wrapped:
            self._lines.append("}\n")
        self._flush()

    def _flush(self) -> None:
        self.stream.write("".join(self._lines).encode())
        self._lines.clear()


def _short(value: str) -> str:
    """A term as people write it in Turtle."""
    if value == _TYPE:
        return "a"
    for prefix, namespace in (("hf", HF), ("dcterms", DCTERMS), ("rdfs", RDFS), ("skos", SKOS)):
        if value.startswith(f"<{namespace}"):
            return f"{prefix}:{value[len(namespace) + 1 : -1]}"
    return value.replace(f"^^<{XSD}", "^^xsd:")[:-1] if f"^^<{XSD}" in value else value


def _format_of(out: Path) -> str:
    if str(out) == "-":
        return ".nq"
    suffix = out.with_suffix("").suffix if out.suffix == ".gz" else out.suffix
    if suffix not in (".nq", ".nt", ".ttl", ".trig"):
        raise SourceError(
            f"'{suffix or out.name}' is not a format written here.",
            where=str(out),
            mend="End the name in .nq, .nt, .ttl or .trig, each also with .gz.",
        )
    return suffix


@contextmanager
def _opened(out: Path) -> Iterator[IO[bytes]]:
    """The stream to write to; the file takes its name only when all has been written."""
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    _format_of(out)
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as raw:
            if out.suffix == ".gz":
                # neither time nor name in the header, so that the same seed gives the same bytes
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield raw
        os.replace(part, out)
    except OSError as error:
        raise SourceError(
            f"the register cannot be written: {error.strerror}.", where=str(out)
        ) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _key_beside(out: Path) -> Iterator[IO[str]]:
    key = io.StringIO()
    key.write("venture,rule\n")
    yield key
    if str(out) != "-":
        out.with_name(f"{out.name}.planted.csv").write_text(key.getvalue(), encoding="utf-8")


# -- places and organisations --------------------------------------------------------------------


@dataclass(frozen=True)
class _Organisation:
    iri: str
    label: str
    sector: str


@dataclass
class _Place:
    """A district or a county: its area and who works in it.

    `visits` counts the ventures from elsewhere that its council sits in; `open_topics` are the
    topics of its own live ventures.
    """

    name: str
    area: str
    council: _Organisation
    partners: list[_Organisation]
    college: _Organisation | None = None
    crowded: bool = False
    visits: int = 0
    open_topics: list[str] = field(default_factory=list)
    zone: str = ""
    visitor: _Organisation | None = None


@dataclass
class _Deck:
    """Rules dealt in random order, each as often as any other."""

    rng: Random
    rules: tuple[str, ...]
    left: list[str] = field(default_factory=list)

    def draw(self, taken: Iterable[str]) -> str | None:
        """The next rule that may stand beside the rules `taken`, if the deck has one left."""
        subjects = {_SUBJECT_OF.get(rule, rule) for rule in taken}
        if not self.left:
            self.left = list(self.rules)
            self.rng.shuffle(self.left)
        for place, rule in enumerate(self.left):
            if _SUBJECT_OF.get(rule, rule) not in subjects:
                return self.left.pop(place)
        return None


class _World:
    """Counties, one at a time; nothing of a county is kept when the next one begins."""

    def __init__(
        self,
        rng: Random,
        seed: int,
        sheet: _Sheet,
        key: _Key,
        risk: float,
        drawn_up: date,
    ) -> None:
        self.rng = rng
        self.seed = seed
        self.sheet = sheet
        self.key = key
        self.risk = risk
        self.drawn_up = drawn_up
        self.organisations = 0
        self.planted = 0
        self._made = 0
        self._names = [a + b for a, b in product(_STARTS, _ENDS)]
        rng.shuffle(self._names)
        self._named = 0
        self._areas = 0
        self._decks = {
            "early": _Deck(rng, EARLY + ANY_STAGE),
            "soon": _Deck(rng, SOON + ANY_STAGE),
            "long": _Deck(rng, LONG + ANY_STAGE),
        }

    def write(self, ventures: int) -> None:
        self.government = self._organisation("Department for Places", "public", "national")
        self.foundation = self._organisation("Lantern Foundation", "voluntary", "national")
        for name in _THEMES:
            self.sheet.put(
                self._topic(name), SKOS + "Concept", [(SKOS + "prefLabel", text(name.capitalize()))]
            )
        county = 0
        while self._made < ventures:
            county += 1
            self._county(county, ventures)

    def _topic(self, theme: str, county: int | None = None) -> str:
        slug = theme.replace(" ", "-").replace("'", "")
        return _iri("topic", f"{slug}-{self.seed}-{county}" if county else slug)

    def _name(self) -> str:
        turn, place = divmod(self._named, len(self._names))
        self._named += 1
        return f"{_QUALIFIERS[turn % len(_QUALIFIERS)]}{self._names[place]}"

    def _area(self, label: str, kind: str, facts: Iterable[Pair] = ()) -> str:
        self._areas += 1
        area = _iri("area", f"{self.seed}-{self._areas}")
        self.sheet.put(
            area, "Boundary", [(RDFS + "label", text(label)), ("kind", term(kind)), *facts]
        )
        return area

    def _organisation(
        self, label: str, sector: str, tier: str, boundary: str | None = None
    ) -> _Organisation:
        self.organisations += 1
        iri = _iri("organisation", f"{self.seed}-{self.organisations}")
        facts = [(RDFS + "label", text(label)), ("sector", term(sector)), ("tier", term(tier))]
        if boundary:
            facts.append(("boundary", boundary))
        self.sheet.put(iri, "Organisation", facts)
        return _Organisation(iri, label, sector)

    def _county(self, number: int, wanted: int) -> None:
        name = self._name() + "shire"
        area = self._area(name, "region")
        council = self._organisation(f"{name} County Council", "local-government", "county", area)
        health_area = self._area(
            f"{name} health area", "health-district", [("coterminousWith", area)]
        )
        county = _Place(
            name,
            area,
            council,
            [
                self._organisation(f"{name} Health Board", "health", "county", health_area),
                self._organisation(f"University of {name}", "academic", "county"),
                self._organisation(f"{name} Voluntary Forum", "voluntary", "county", area),
            ],
        )
        college = self._organisation(f"{name} College", "education", "county", area)
        topics = [self._topic(theme, number) for theme in _THEMES]
        for topic, theme in zip(topics, _THEMES, strict=True):
            self.sheet.put(
                topic,
                SKOS + "Concept",
                [
                    (SKOS + "prefLabel", text(f"{theme.capitalize()} in {name}")),
                    (SKOS + "broader", self._topic(theme)),
                ],
            )
        districts: list[_Place] = []
        for place in range(DISTRICTS):
            if self._made >= wanted:
                return
            district = self._district(county, college)
            self._district_ventures(district, districts, topics, number, place, wanted)
            districts.append(district)
        for _ in range(ACROSS):
            if self._made >= wanted:
                return
            self._county_venture(county, districts, topics)

    def _district(self, county: _Place, college: _Organisation) -> _Place:
        name = self._name()
        area = self._area(name, "council-area", [("within", county.area)])
        health_area = self._area(
            f"{name} health locality", "health-district", [("coterminousWith", area)]
        )
        quarter = self._area(f"{name} old town", "locality", [("within", area)])
        return _Place(
            name,
            area,
            self._organisation(f"{name} Council", "local-government", "local", area),
            [
                self._organisation(f"{name} Health Partnership", "health", "local", health_area),
                self._organisation(f"{name} Voluntary Action", "voluntary", "local", area),
                self._organisation(f"Friends of {name} Old Town", "voluntary", "local", quarter),
            ],
            college,
            crowded=self.rng.random() < 0.08 * self.risk,
        )

    # -- ventures --------------------------------------------------------------------------------

    def _district_ventures(
        self,
        district: _Place,
        earlier: list[_Place],
        topics: list[str],
        county: int,
        place: int,
        wanted: int,
    ) -> None:
        rng = self.rng
        crowd = district.crowded and self._made + CROWDED <= wanted
        district.crowded = crowd
        for turn in range(CROWDED if crowd else USUAL):
            if self._made >= wanted:
                return
            theme = (USUAL * place + turn) % len(topics)
            topic = topics[theme]
            if turn >= USUAL:
                topic = self._topic(f"{district.name.lower()} matters {turn}", county)
                label = text(f"Matters of {district.name}, {turn - USUAL + 1}")
                self.sheet.put(topic, SKOS + "Concept", [(SKOS + "prefLabel", label)])
            hosts = [
                neighbour for neighbour in earlier if not neighbour.crowded and not neighbour.visits
            ]
            zone = ""
            visitor = None
            if turn == 0 and not crowd and hosts and rng.random() < 0.12 * self.risk:
                neighbour = rng.choice(hosts)
                neighbour.visits += 1
                visitor = neighbour.council
                zone = self._area(
                    f"{district.name} and {neighbour.name} enterprise zone",
                    "locality",
                    [("overlaps", district.area), ("overlaps", neighbour.area)],
                )
            partners = [district.council, *district.partners[: rng.choice((2, 2, 3))]]
            if district.college and turn % 2 == 0 and turn < USUAL and not zone:
                partners.append(district.college)
            if visitor:
                partners = [district.council, visitor, *district.partners[:2]]
            subject = (
                _THEMES[theme] if turn < USUAL else f"{district.name} matters {turn - USUAL + 1}"
            )
            planted = ["proliferation"] if crowd else ["poor-boundary-fit"] if zone else []
            live = self._venture(
                f"{district.name} {subject}", topic, zone or district.area, partners, planted,
                may_end=not crowd, essential=not zone,
            )  # fmt: skip
            if live and not zone and turn < USUAL:
                district.open_topics.append(topic)

    def _county_venture(self, county: _Place, districts: list[_Place], topics: list[str]) -> None:
        rng = self.rng
        by_topic: dict[str, list[_Place]] = {}
        for district in districts:
            if not district.crowded and not district.visits:
                for topic in district.open_topics:
                    by_topic.setdefault(topic, []).append(district)
        crossed = [topic for topic, found in by_topic.items() if len(found) >= 2]
        partners = [county.council, *county.partners]
        if crossed and rng.random() < 0.5 * self.risk:
            topic = rng.choice(crossed)
            for district in by_topic[topic][:2]:
                district.visits += 1
                partners.append(district.council)
            self._venture(
                f"{county.name} joint board {self._made + 1}", topic, county.area, partners,
                ["unclear-relation-to-existing-ventures"], may_end=False, essential=True,
            )  # fmt: skip
            return
        topic = _iri("topic", f"{self.seed}-{self._made + 1}")
        self.sheet.put(
            topic, SKOS + "Concept", [(SKOS + "prefLabel", text(f"Matters of {county.name}"))]
        )
        self._venture(
            f"{county.name} partnership {self._made + 1}", topic, county.area, partners, [],
            may_end=True, essential=True,
        )  # fmt: skip

    def _venture(
        self,
        label: str,
        topic: str,
        area: str,
        partners: list[_Organisation],
        planted: list[str],
        *,
        may_end: bool,
        essential: bool,
    ) -> bool:
        """Write one venture; tells whether it is still going on."""
        rng = self.rng
        self._made += 1
        stage = rng.choice(("early", "early", "soon", "soon", "soon", "long", "long"))
        ended = may_end and stage == "long" and rng.random() < 0.15
        chosen = list(planted)
        if not ended and (planted or rng.random() < self.risk):
            wanted = len(planted) + (1 if not planted else 0) + (rng.random() < 0.35)
            while len(chosen) < wanted:
                drawn = self._decks[stage].draw(chosen)
                if drawn is None:
                    break
                chosen.append(drawn)
        folder = _Folder(
            self, label, topic, area, partners, stage, set(chosen), essential=essential
        )
        folder.write(ended=ended)
        for rule in sorted({*chosen, *(also for main in chosen for also in IMPLIED.get(main, ()))}):
            self.key.writerow((folder.venture[1:-1], rule))
            self.planted += 1
        return not ended

    @property
    def made(self) -> int:
        return self._made


class _Folder:
    """The facts of one venture. `planted` are the rules whose patterns they must show."""

    def __init__(
        self,
        world: _World,
        label: str,
        topic: str,
        area: str,
        partners: list[_Organisation],
        stage: str,
        planted: set[str],
        *,
        essential: bool,
    ) -> None:
        self.world = world
        self.rng = world.rng
        self.label = label
        self.topic = topic
        self.area = area
        self.partners = partners
        self.stage = stage
        self.planted = planted
        self.essential = essential
        self._slug = f"{world.seed}-{world.made}"
        self.venture = _iri("venture", self._slug)
        self._records = 0
        self._started = world.drawn_up - timedelta(
            days=self.rng.randint(
                *{"early": (60, 340), "soon": (780, 1400), "long": (2200, 7000)}[stage]
            )
        )
        self.convenor = (
            partners[2]
            if len(partners) > 2 and partners[1].sector == "local-government"
            else partners[1]
        )

    def put(self, kind: str, *facts: Pair, label: str = "") -> str:
        """Write a record of the venture; gives its IRI."""
        self._records += 1
        record = _iri("record", f"{self._slug}/{self._records}")
        named = [(RDFS + "label", text(label))] if label else []
        self.world.sheet.put(record, kind, [("belongsTo", self.venture), *named, *facts])
        return record

    def lacking(self, kind: str) -> None:
        """State that the venture has none of a kind."""
        self.put("Absence", ("absentKind", term(kind)))

    def some(self, chance: float) -> bool:
        return self.rng.random() < chance

    def when(self, least: float = 0.05, most: float = 0.9) -> date:
        """A day in the venture's life, as shares of it so far."""
        days = (self.world.drawn_up - self._started).days
        return self._started + timedelta(days=round(days * self.rng.uniform(least, most)))

    def two(self) -> list[_Organisation]:
        """The venture's first partner, and another that does not convene it."""
        others = [partner for partner in self.partners[1:] if partner is not self.convenor]
        return [self.partners[0], self.rng.choice(others)]

    def write(self, *, ended: bool) -> None:
        facts = [
            (RDFS + "label", text(f"{self.label[:1].upper()}{self.label[1:]}")),
            ("boundary", self.area),
            ("organisationalForm", term(self.rng.choice(_FORMS))),
            ("started", day(self._started)),
            ("topic", self.topic),
        ]
        if ended:
            facts.append(("ended", day(self.when(0.6, 0.95))))
        self._members(facts)
        purpose = self._purposes(facts)
        self._resources(facts)
        self._documents()
        self._meetings()
        self._projects(facts)
        self._conduct(facts)
        self._people(purpose, facts)
        self.world.sheet.put(self.venture, "Venture", facts)

    def _members(self, facts: list[Pair]) -> None:
        rng = self.rng
        top = 3 if "senior-players-absent" in self.planted else 5
        level = rng.choice(("strategic", "operational"))
        token = rng.choice(self.partners) if "token-membership" in self.planted else None
        for place, partner in enumerate(self.partners):
            told = [("member", partner.iri)]
            if place < 2 or "level-gap" in self.planted:
                self._records += 1
                post = _iri("post", f"{self._slug}/{self._records}")
                # the first partner does not convene, so that somebody else must be won
                rank = min(top, 4 if place == 0 else rng.choice((3, 4, 4, 5)))
                if "level-gap" not in self.planted and place:
                    level = "operational" if level == "strategic" else "strategic"
                grade = ("grade", term(_GRADES[rank]))
                self.world.sheet.put(post, "Post", [grade, ("level", term(level))])
                told.append(("representedBy", post))
            role = "ordinary-member"
            if place == 0 and self.essential:
                role = "essential-partner"
            elif partner is self.convenor:
                role = "convenor"
            elif place > 2:
                role = "delivery-partner"
            told.append(("role", term(role)))
            if partner is token:
                told.append(("motivation", term("to-be-seen-to")))
            elif self.some(0.1):
                told.append(("motivation", term("own-purpose")))
                if self.some(0.2):
                    told.append(("motivation", term("to-be-seen-to")))
            self.put("Membership", *told)
        if "senior-players-absent" in self.planted:
            self.lacking("SeniorRepresentative")
        if self.some(0.5) or "level-gap" in self.planted:
            facts.append(("listsAll", term("Membership")))
        elif self.some(0.1):
            self.put("Membership", ("member", self.world.foundation.iri), ("role", term("adviser")))

    def _purposes(self, facts: list[Pair]) -> str:
        planted = self.planted
        told: list[Pair] = [("topic", self.topic)]
        if "no-meaningful-purpose" in planted:
            self.lacking("Ground")
        else:
            told.append(("answers", self.put("Need", ("topic", self.topic))))
            if self.some(0.25):
                policy = self.put("Policy", ("issuedBy", self.world.government.iri))
                told.append(("answers", policy))
        mandated = "mandate-without-purpose" in planted or self.some(0.1)
        if mandated:
            order = _iri("policy", f"{self._slug}")
            self.world.sheet.put(order, "Policy", [("issuedBy", self.world.government.iri)])
            facts.append(("mandatedBy", order))
        if "mandate-without-purpose" in planted:
            self.lacking("SharedPurpose")
        elif mandated or self.some(0.3):
            told += [("sharedBy", partner.iri) for partner in self.partners[:2]]
        task = "action-programme" if "task-exceeds-agreement" in planted else "strategy"
        if self.stage == "long" and self.some(0.3):
            old = self.put("Purpose", ("topic", self.topic), label="What it was for at first")
            told.append(("replaces", old))
        label = f"The purpose of {self.label}"
        purpose = self.put("Purpose", *told, ("task", term(task)), label=label)
        if "task-exceeds-agreement" in planted:
            self._view("", ("about", purpose), ("accepts", term("framework")))
        elif self.some(0.1):
            self._view("", ("about", purpose), ("accepts", term("action-programme")))
        if "no-common-purpose" in planted:
            self._view("priorities-differ", ("about", purpose))
        if "contested-need" in planted:
            self._view("need-met", ("about", purpose), holder=self.partners[0])
            self._view("need-unmet", ("about", purpose), holder=self.partners[1])
        elif self.some(0.05):
            self._view("need-unmet", ("about", purpose))
        if self.some(0.15):
            self._view("shared-concern", ("about", purpose))
        for objective in _OBJECTIVES[: self.rng.choice((0, 0, 0, 3))]:
            self.put("Objective", label=objective)
        return purpose

    def _view(self, condition: str, *facts: Pair, holder: _Organisation | None = None) -> None:
        named = [("condition", term(condition))] if condition else []
        who = holder or self.rng.choice(self.partners)
        self.put("View", *named, *facts, ("holder", who.iri), ("certainty", term("perceived")))

    def _resources(self, facts: list[Pair]) -> None:
        planted = self.planted
        rng = self.rng
        if "no-capacity" in planted:
            self.lacking("Resource")
            return
        if "no-teeth" in planted:
            self.lacking("Post")
        elif "underpowered-post" in planted:
            stated = "senior-players-absent" in planted or self.some(0.5)
            must = [("mustEngage", term("chief-officer"))] if stated else []
            self._post(rng.choice((1, 2)), *must)
        elif self.some(0.7):
            self._post(4)
            if self.some(0.15):
                self._post(2)
        else:
            self._post(3, ("mustEngage", term("middle-manager")))
        funding = [("started", day(self._started)), ("termYears", number(rng.choice((2, 3))))]
        if "subsidy-dependence" in planted:
            self.put("Funding", *funding, ("fundedBy", self.world.government.iri))
        elif self.some(0.8):
            self.put("Funding", *funding, ("fundedBy", self.partners[0].iri))
        else:
            self.put("Funding", *funding, ("fundedBy", self.world.foundation.iri))
            self.put("Funding", ("fundedBy", self.partners[0].iri), ("mainstream", TRUE))
        if "no-core-productive-capacity" in planted:
            self.lacking("CoreResource")
        elif self.some(0.3):
            self.put("PooledBudget", *(("contributedBy", partner.iri) for partner in self.two()))
        elif self.some(0.3):
            self.put("SharedTeam", label="A team drawn from several partners")
        if "no-teeth" not in planted and self.some(0.4):
            facts.append(("listsAll", term("Post")))
        if "no-resources-for-participation" in planted:
            self.put(
                "ResourceRequest",
                ("outcome", term("none-offered")),
                ("requestedBy", self.partners[0].iri),
            )
        elif self.some(0.1):
            request = self.put(
                "ResourceRequest",
                ("outcome", term("none-offered")),
                ("requestedBy", self.partners[0].iri),
            )
            self.put("Time", ("meets", request))

    def _post(self, rank: int, *facts: Pair) -> str:
        remit = term(self.rng.choice(("convening", "commissioning", "implementation")))
        return self.put(
            "Post", ("dedicated", TRUE), ("grade", term(_GRADES[rank])),
            ("hostedBy", self.convenor.iri), ("remit", remit), *facts,
        )  # fmt: skip

    def _documents(self) -> None:
        planted = self.planted
        writers = [("writtenBy", partner.iri) for partner in self.two()]
        if "no-ground-for-value" in planted:
            self.lacking("Output")
            self.lacking("Plan")
            return
        client = ("commissionedBy", self.convenor.iri)
        if "limited-ownership" in planted:
            outsider = self.world.foundation
            author = self.convenor if self.some(0.5) else outsider
            strategy = self.put("Strategy", client, ("writtenBy", author.iri), label="The strategy")
        else:
            strategy = self.put("Strategy", client, *writers, label="The strategy")
        if "post-adoption-drift" in planted:
            self.lacking("ActionPlan")
        elif self.some(0.3):
            self.put("ActionPlan", *writers)
        if "post-adoption-drift" in planted or (self.stage != "early" and self.some(0.2)):
            self.put(
                "Adoption",
                ("adoptedBy", self.partners[0].iri),
                ("date", day(self.when(0.3))),
                ("on", strategy),
            )
        if "tenuous-connection" in planted:
            self.put("Link", ("strength", term("tenuous")), ("through", strategy))
        elif self.some(0.1):
            self.put("Link", ("strength", term("strong")), ("through", strategy))
        for output in self.rng.sample(_OUTPUTS, self.rng.choice((0, 0, 1))):
            self.put("Output", ("deliveredBy", self.partners[0].iri), label=output)

    def _meetings(self) -> None:
        planted = self.planted
        missing = "essential-partner-missing" in planted
        previous = ""
        for turn in range(1 if missing else self.rng.choice((0, 0, 1, 2))):
            told: list[Pair] = [("date", day(self.when(0.1 + 0.4 * turn, 0.4 + 0.4 * turn)))]
            if previous:
                told.append(("follows", previous))
            for place, partner in enumerate(self.partners[:3]):
                missed = place == 0 and (missing or (turn and self.some(0.1)))
                told.append(("missedBy" if missed else "attendedBy", partner.iri))
            previous = self.put("Meeting", *told)
        if "internal-legitimacy-unbuilt" in planted or self.some(0.15):
            ground = self.put("Evidence")
            appeal = self.put(
                "Appeal",
                ("appealsTo", ground),
                ("date", day(self.when(0.1, 0.4))),
                ("madeBy", self.convenor.iri),
            )
            if "internal-legitimacy-unbuilt" not in planted:
                agreed = [("agreedBy", partner.iri) for partner in self.two()]
                self.put("Agreement", ("follows", appeal), *agreed, ("date", day(self.when(0.5))))
        if "poor-conduct" in planted and self.some(0.5):
            self.put("Decision", ("takenBy", self.partners[0].iri))
            self.planted.add("decided alone")
        elif self.some(0.15):
            self.put("Decision", *(("takenBy", partner.iri) for partner in self.two()))

    def _projects(self, facts: list[Pair]) -> None:
        planted = self.planted
        early = self.stage == "early"
        if "early-opportunity-lost" in planted:
            self.put("Project", ("outcome", term("lost")), ("quickWin", TRUE))
        elif early and "no-ground-for-value" not in planted and self.some(0.5):
            outcome = term(self.rng.choice(("delivered", "in-hand")))
            self.put("Project", ("outcome", outcome), ("quickWin", TRUE))
        if "imposed-timescale" in planted:
            self.put(
                "Project",
                ("timescaleAchievable", FALSE),
                ("timescaleSetBy", self.world.government.iri),
            )
        elif self.some(0.1):
            self.put(
                "Project",
                ("timescaleAchievable", TRUE if self.some(0.7) else FALSE),
                ("timescaleSetBy", self.partners[0].iri),
            )
        if "missing-delivery-link" in planted:
            there = {partner.sector for partner in self.partners}
            sector = next(term(s) for s in ("academic", "education") if s not in there)
            self.put("Project", ("needsSector", sector))
            self.put("Link", ("strength", term("weak-tie")), ("toSector", sector))
        elif self.some(0.15):
            self.put("Project", ("needsSector", term(self.partners[1].sector)))
        if "poor-fit" in planted:
            self.lacking("PlanningLink")
        elif self.some(0.2):
            self.put(
                "PlanningLink", ("strength", term("strong")), ("to", self.world.government.iri)
            )
        if "accountability-gap" in planted:
            self.lacking("JointTarget")
        elif self.some(0.3):
            self.put("JointTarget", ("due", day(self.world.drawn_up + timedelta(days=1500))))
        if "mandate-without-purpose" not in planted and self.some(0.3):
            facts.append(("listsAll", term("Purpose")))

    def _conduct(self, facts: list[Pair]) -> None:
        planted = self.planted
        if "conduct-neglected" in planted:
            self.lacking("ConductArrangement")
            return
        if "poor-conduct" in planted and "decided alone" not in planted:
            self.lacking("TermsOfReference")
        elif self.some(0.3):
            self.put("TermsOfReference")
        if "no-regular-review" in planted:
            self._view("needs-regular-review")
        elif self.stage != "early":
            stale = "value-unmanaged" in planted
            age = self.rng.randint(1700, 2100) if stale else self.rng.randint(60, 420)
            self.put("Review", ("date", day(self.world.drawn_up - timedelta(days=age))))
            if stale or self.some(0.5):
                facts.append(("listsAll", term("Review")))
        if self.stage == "soon" and self.some(0.3):
            self.put(
                "Evaluation", ("commissionedBy", self.venture), ("date", day(self.when(0.6))),
                ("external", TRUE),
            )  # fmt: skip
        if self.some(0.1):
            self.put("Involvement", ("in", term("decisions")), ("involves", term("residents")))

    def _people(self, purpose: str, facts: list[Pair]) -> None:
        planted = self.planted
        partner = self.partners[0]
        for rule, conditions in _VIEWS.items():
            if rule in planted:
                self._view(self.rng.choice(conditions))
        if self.stage != "early" and self.some(0.3):
            self._view(self.rng.choice(("effective-relationships", "efficiencies-evident")))
        if "driven-by-few" in planted:
            self._driver("nursing", partner)
        elif self.stage == "early" and self.some(0.3):
            self._driver("nursing", partner)
            self._driver("planning", self.partners[1])
        if "institutional-resistance" in planted:
            if self.some(0.5):
                self.put("Resistance", ("from", partner.iri), ("to", purpose))
            else:
                self.put(
                    "InstitutionalFramework",
                    ("complexity", term("complex")),
                    ("surrounds", partner.iri),
                )
        elif self.some(0.07):
            self.put(
                "InstitutionalFramework", ("complexity", term("simple")), ("surrounds", partner.iri)
            )
        if "competing-guidance" in planted:
            self.put("Guidance", ("followedBy", partner.iri), ("topic", self.topic))
        elif self.some(0.07):
            self.put("Guidance", ("followedBy", self.world.government.iri), ("topic", self.topic))
        if "invisible-identity" in planted:
            self.put("Consultation", ("awareness", term("mostly-unaware")))
        elif self.some(0.1):
            self.put(
                "Consultation", ("awareness", term("mostly-aware")), ("response", term("mixed"))
            )
        if "person-dependence" in planted:
            group = self.put("KeyGroup", label="The two who keep it going")
            self.put("Dependence", ("on", group))
        if self.stage == "long" and ("not-adapting" in planted or self.some(0.4)):
            self.put("Reorganisation", ("date", day(self.when(0.3))), ("of", partner.iri))
            if "not-adapting" in planted:
                self.lacking("ChangeEvent")
            elif self.some(0.5) and "subsidy-dependence" not in planted:
                self._change(facts)
        if {"unfacilitated-groups", "uninformed-participants"} & planted or self.some(0.1):
            self._local_group()

    def _driver(self, profession: str, partner: _Organisation) -> None:
        self.put(
            "Driver",
            ("fromOrganisation", partner.iri),
            ("fromProfession", _iri("profession", profession)),
        )

    def _change(self, facts: list[Pair]) -> None:
        bodies = []
        for name in ("steering group", "board"):
            self._records += 1
            body = _iri("body", f"{self._slug}/{self._records}")
            self.world.sheet.put(body, "Body", [(RDFS + "label", text(f"The {name}"))])
            bodies.append(body)
        facts += [("takesForm", body) for body in bodies]
        self.put(
            "Succession", ("changedFrom", bodies[0]), ("changedTo", bodies[1]),
            ("date", day(self.when(0.5))), ("retainsAims", TRUE),
        )  # fmt: skip

    def _local_group(self) -> None:
        if "unfacilitated-groups" in self.planted:
            group = self.put("LocalGroup", ("facilitated", FALSE), label="The residents' group")
        else:
            self._records += 1
            post = _iri("post", f"{self._slug}/{self._records}")
            self.world.sheet.put(post, "Post", [("hostedBy", self.convenor.iri)])
            group = self.put("LocalGroup", ("facilitatedBy", post), label="The residents' group")
        if "uninformed-participants" in self.planted:
            self.put(
                "View", ("certainty", term("perceived")),
                ("condition", term("little-knowledge-of-plans")), ("holder", group),
            )  # fmt: skip
