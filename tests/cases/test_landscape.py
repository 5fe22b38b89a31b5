"""England as a register, held against figures that are counted from the tables themselves."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from holdfast.answers import answer, plain_text
from holdfast.columns import Columns
from holdfast.saved import read_questions
from holdfast.tables.importing import import_register
from holdfast.tables.package import read_mapping
from holdfast.vocabulary import HF

DATA = Path(__file__).parents[3] / "shared" / "data"
AREA = "http://statistics.data.gov.uk/id/statistical-geography/"
ID = "https://w3id.org/holdfast/id/"
SET = f"{ID}register/england/small-areas/"
LATE = "9999"

Facts = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the register."""
    if not DATA.is_dir():
        pytest.skip(f"the tables of England are not here: {DATA} is absent")
    output = tmp_path_factory.mktemp("england") / "england.nq"
    import_register(read_mapping("england"), [str(DATA)], output)
    return output


@pytest.fixture(scope="module")
def england(register: Path) -> tuple[Facts, dict[str, Facts]]:
    """The facts of the register by predicate and subject; and those of each graph beside it."""
    facts: Facts = defaultdict(lambda: defaultdict(list))
    others: dict[str, Facts] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    with register.open("rb") as stream:
        for quad in ox.parse(stream, format=ox.RdfFormat.N_QUADS):
            graph = quad.graph_name.value  # type: ignore[union-attr]
            kept = facts if graph == f"{ID}register/england" else others[graph]
            predicate = quad.predicate.value.removeprefix(HF)
            kept[predicate][quad.subject.value].append(  # type: ignore[union-attr]
                quad.object.value  # type: ignore[union-attr]
            )
    return facts, others


def rows(name: str) -> Iterator[dict[str, str]]:
    file = DATA / name
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


def one(facts: Facts, predicate: str, subject: str, default: str = "") -> str:
    return facts[predicate].get(subject, [default])[0]


def common(facts: Facts, system: str, day: str) -> dict[tuple[str, str], int]:
    """People in common of two areas by their codes, as the register has it on a day."""
    found: dict[tuple[str, str], int] = {}
    for part, (area,) in facts["ofArea"].items():
        if one(facts, "countedOn", part) == SET + system and one(
            facts, "started", part
        ) <= day < one(facts, "ended", part, LATE):
            other = one(facts, "inArea", part)
            key = area.removeprefix(AREA), other.removeprefix(AREA)
            found[key] = int(one(facts, "people", part))
    return found


def test_districts_are_split_between_boards_as_the_lookup_of_2022_splits_them(
    england: tuple[Facts, dict[str, Facts]],
) -> None:
    facts, _ = england
    people = {
        row["lsoa11_code"]: int(row["total_population"])
        for row in rows("population/population20_lsoa11.csv.gz")
    }
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows("geographr/lookup_lsoa11_sicbl22_icb22_ltla22.csv.gz"):
        expected[row["ltla22_code"], row["icb22_code"]] += people[row["lsoa11_code"]]

    actual = common(facts, "lsoa-2011", "2022-07-01")

    assert expected == {pair: actual.get(pair, 0) for pair in expected}
    districts = {district for district, _ in expected}
    boards = {board for _, board in expected}
    assert set(expected) == {
        (area, other) for area, other in actual if area in districts and other in boards
    }


def test_districts_are_split_between_boards_as_the_lookup_of_2024_splits_them(
    england: tuple[Facts, dict[str, Facts]],
) -> None:
    facts, _ = england
    people = {
        row["lsoa21_code"]: int(row["total_residents"])
        for row in rows("population/census21_residents_lsoa21.csv.gz")
    }
    district = {
        row["lsoa21_code"]: row["ltla24_code"]
        for row in rows("geographr/lookup_lsoa21_ltla24.csv.gz")
    }
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows("geographr/lookup_lsoa21_icb24.csv.gz"):
        small = row["lsoa21_code"]
        expected[district[small], row["icb24_code"]] += people[small]

    actual = common(facts, "lsoa-2021", "2024-06-01")

    assert expected == {pair: actual.get(pair, 0) for pair in expected}


def test_small_shares_are_marked_and_not_hidden(england: tuple[Facts, dict[str, Facts]]) -> None:
    facts, _ = england
    marked = [part for part in facts["ofArea"] if one(facts, "artefact", part) == "true"]

    assert marked
    assert all(float(one(facts, "share", part)) < 0.01 for part in marked)


@pytest.mark.parametrize(
    ("before", "after", "day"),
    [("20", "21", "2021-04-01"), ("17", "18", "2018-04-01")],
)
def test_commissioning_areas_are_redrawn_as_the_lookups_redraw_them(
    england: tuple[Facts, dict[str, Facts]], before: str, after: str, day: str
) -> None:
    facts, _ = england
    files = {
        "17": ("ons_lookups/144_*", "LSOA11CD", "CCG17CD"),
        "18": ("ons_lookups/181_*", "LSOA11CD", "CCG18CD"),
        "20": ("ons_lookups/219_*", "LSOA11CD", "CCG20CD"),
        "21": ("geographr/lookup_lsoa11_ccg21*", "lsoa11_code", "ccg21_code"),
    }

    def areas(year: str) -> dict[str, str]:
        pattern, small, code = files[year]
        (file,) = DATA.glob(pattern)
        return {row[small]: row[code] for row in rows(str(file.relative_to(DATA)))}

    old, new = areas(before), areas(after)
    gone = set(old.values()) - set(new.values())
    expected: dict[str, set[str]] = defaultdict(set)
    for small, area in old.items():
        if area in gone:
            expected[area].add(new[small])

    actual: dict[str, set[str]] = defaultdict(set)
    for part, (area,) in facts["ofArea"].items():
        ended, other = one(facts, "ended", area), one(facts, "inArea", part)
        if (
            one(facts, "started", part) == ended == day
            and one(facts, "kind", area) == one(facts, "kind", other) == f"{HF}health-district"
        ):
            actual[area.removeprefix(AREA)].add(other.removeprefix(AREA))

    assert expected == dict(actual)


def test_networks_cross_districts_as_their_practices_do(
    england: tuple[Facts, dict[str, Facts]],
) -> None:
    facts, _ = england
    day = "2025-01-20"
    postcodes = {row["postcode"]: row["lad_code"] for row in rows("pcn/postcode_lad.csv.gz")}
    place = {
        row["PRACTICE_CODE"]: row["PRACTICE_POSTCODE"]
        for row in rows("pcn/practice_map_2022-01.csv.gz")
    } | {row["practice_code"]: row["postcode"] for row in rows("pcn/practices_2023-01.csv.gz")}
    expected: dict[str, set[str]] = defaultdict(set)
    for row in rows("pcn/pcn_members_2025-01.csv.gz"):
        district = postcodes.get(place.get(row["partner_code"], "").replace(" ", ""))
        if district and not row["end"]:
            expected[row["pcn_code"]].add(district)

    actual: dict[str, set[str]] = defaultdict(set)
    network = f"{ID}primary-care-network/"
    for membership, (venture,) in facts["belongsTo"].items():
        if venture.startswith(network) and day < one(facts, "ended", membership, LATE):
            for district in facts["in"].get(one(facts, "member", membership), []):
                actual[venture.removeprefix(network)].add(district.removeprefix(AREA))

    def crossing(found: dict[str, set[str]]) -> set[str]:
        return {code for code, districts in found.items() if len(districts) > 1}

    assert crossing(expected) == crossing(actual)
    assert len(crossing(actual)) > 100


SNAPSHOTS = [
    ("2019-12", "2019-12-04"),
    ("2022-02", "2022-02-15"),
    ("2022-04", "2022-04-27"),
    ("2023-01", "2023-01-26"),
    ("2025-01", "2025-01-20"),
]


@pytest.mark.parametrize(("snapshot", "day"), SNAPSHOTS)
def test_members_of_another_commissioner_are_those_that_the_health_service_marks(
    england: tuple[Facts, dict[str, Facts]], snapshot: str, day: str
) -> None:
    facts, others = england
    told: dict[str, set[str]] = defaultdict(set)
    for fact, said in others.items():
        if one(facts, "started", fact) <= day < one(facts, "ended", fact, LATE):
            for commissioned, commissioners in said["commissioner"].items():
                told[commissioned].update(commissioners)
    expected, actual = set(), set()
    for row in rows(f"pcn/pcn_members_{snapshot}.csv.gz"):
        key = row["pcn_code"], row["partner_code"]
        if row["parents_match"] == "FALSE":
            expected.add(key)
    for membership, (venture,) in facts["belongsTo"].items():
        member = one(facts, "member", membership)
        if venture in told and told[member] - told[venture]:
            actual.add((venture.rpartition("/")[2], member.rpartition("/")[2]))
    listed = {
        (row["pcn_code"], row["partner_code"]) for row in rows(f"pcn/pcn_members_{snapshot}.csv.gz")
    }

    assert expected == actual & listed


ALLIANCES = {
    "2017-06-01": ("204", "CCG17CD", "CALNCV17CD"),
    "2018-06-01": ("196", "CCG18CD", "CALNCV18CD"),
    "2019-08-01": ("075", "CCG19CD", "CAL19CD"),
}


@pytest.mark.parametrize("day", sorted(ALLIANCES))
def test_cancer_alliances_have_the_groups_and_the_people_that_the_lookups_give_them(
    england: tuple[Facts, dict[str, Facts]], day: str
) -> None:
    facts, _ = england
    number, group, alliance = ALLIANCES[day]
    (file,) = DATA.glob(f"ons_lookups/{number}_*")
    expected = {(row[group], row[alliance]) for row in rows(str(file.relative_to(DATA)))}
    prefix = f"{ID}cancer-alliance/"

    areas = {
        (code.removeprefix(AREA), venture.removeprefix(prefix))
        for membership, (venture,) in facts["belongsTo"].items()
        if venture.startswith(prefix)
        and one(facts, "started", membership) <= day < one(facts, "ended", membership, LATE)
        for code in facts["boundary"][one(facts, "member", membership)]
    }
    told = {code for code, _ in expected}
    within = {
        (area, other)
        for (area, other), people in common(facts, "lsoa-2011", day).items()
        if area in told and other in {code for _, code in expected} and people
    }

    assert expected == {pair for pair in areas if pair[0] in told}
    assert expected == within


def test_trusts_are_members_where_most_of_their_patients_come_from(
    england: tuple[Facts, dict[str, Facts]],
) -> None:
    facts, _ = england
    share: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows("geographr/lookup_nhs_trusts22_icb22.csv"):
        share[row["nhs_trust22_code"]][row["icb22_code"]] = float(
            row["proportion_trust_came_from_icb"]
        )
    boards = {board for found in share.values() for board in found}
    stated, derived = {}, {}
    for membership, (venture,) in facts["belongsTo"].items():
        board = venture.removeprefix(f"{ID}care/")
        trust = one(facts, "member", membership).removeprefix(f"{ID}nhs/")
        if board in boards and trust in share:
            kept = derived if membership in facts["certainty"] else stated
            kept[trust] = board

    agreeing = [
        trust for trust, board in stated.items() if board == max(share[trust], key=share[trust].get)
    ]  # type: ignore[arg-type]

    assert (107, 110) == (len(agreeing), len(stated))
    assert 28 == len(derived)
    assert not set(stated) & set(derived)


@pytest.fixture(scope="module")
def columns(register: Path) -> Columns:
    columns = Columns()
    columns.load([str(register)])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


@pytest.mark.parametrize(("snapshot", "day"), SNAPSHOTS)
def test_networks_that_cross_commissioners_are_those_with_a_practice_that_is_marked(
    columns: Columns, snapshot: str, day: str
) -> None:
    (question,) = (
        one for one in read_questions() if one.id == "which-networks-cross-commissioners"
    )
    told = list(rows(f"pcn/pcn_members_{snapshot}.csv.gz"))
    expected = {
        row["pcn_code"] for row in told if row["parents_match"] == "FALSE" and not row["end"]
    }
    names = {
        row["pcn_name"]: row["pcn_code"]
        for year, _ in SNAPSHOTS
        for row in rows(f"pcn/pcn_details_{year}.csv")
    }

    answered = answer(columns, question.asked({"day": day})).solutions

    assert answered is not None
    actual = {names[plain_text(row[0])] for row in answered}
    assert len(actual) == len(answered)
    # a later snapshot may say of an earlier day who was a member after all
    assert expected ^ actual <= _corrected(told, day)


def _corrected(told: list[dict[str, str]], day: str) -> set[str]:
    """The networks whose members of a day are others by the last snapshot than by this one."""

    def members(snapshot: list[dict[str, str]]) -> set[tuple[str, str]]:
        on = day.replace("-", "")
        return {
            (row["pcn_code"], row["partner_code"])
            for row in snapshot
            if row["start"] <= on and (not row["end"] or row["end"] > on)
        }

    last = list(rows(f"pcn/pcn_members_{SNAPSHOTS[-1][0]}.csv.gz"))
    return {network for network, _ in members(told) ^ members(last)}


def test_on_the_day_of_a_reorganisation_nobody_is_counted_twice(columns: Columns) -> None:
    (question,) = (
        one for one in read_questions() if one.id == "which-districts-are-split-by-health-areas"
    )
    people = {
        row["lsoa11_code"]: int(row["total_population"])
        for row in rows("population/population20_lsoa11.csv.gz")
    }
    (file,) = DATA.glob("ons_lookups/181_*")
    expected: dict[str, int] = defaultdict(int)
    areas: dict[str, set[str]] = defaultdict(set)
    for row in rows(str(file.relative_to(DATA))):
        expected[row["LAD18CD"]] += people[row["LSOA11CD"]]
        areas[row["LAD18CD"]].add(row["CCG18CD"])
    split = {expected[district] for district, found in areas.items() if len(found) > 1}

    answered = answer(columns, question.asked({"day": "2018-04-01"})).solutions

    assert answered
    assert {int(plain_text(row[-1])) for row in answered} <= split


def test_planning_areas_are_coterminous_where_the_lookup_says_so(
    england: tuple[Facts, dict[str, Facts]],
) -> None:
    facts, _ = england
    (file,) = DATA.glob("ons_lookups/130_*")
    told = [row for row in rows(str(file.relative_to(DATA))) if row["LPA19CD"].startswith("E")]
    districts: dict[str, set[str]] = defaultdict(set)
    planned: dict[str, set[str]] = defaultdict(set)
    for row in told:
        districts[row["LPA19CD"]].add(row["LAD19CD"])
        planned[row["LAD19CD"]].add(row["LPA19CD"])
    flagged = {
        (row["LPA19CD"], row["LAD19CD"])
        for row in told
        if row["Coterm"] == "Y" and len(districts[row["LPA19CD"]]) == 1
    }

    actual = {
        (area.removeprefix(AREA), other.removeprefix(AREA))
        for area, others in facts["coterminousWith"].items()
        for other in others
    }

    assert actual <= flagged
    # two are marked although another planning area has a part of the district
    assert all(len(planned[district]) > 1 for _, district in flagged - actual)
    assert 2 == len(flagged - actual)
