"""Universities in the form of LUBM, with a few faults so that shapes have something to say.

The numbers are those of the benchmark's data profile (Guo, Pan, Heflin, LUBM: A Benchmark for OWL
Knowledge Base Systems, 2005); its own generator makes no mistakes. One person in FAULTY has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

from holdfast.vocabulary import RDF_TYPE

UB = "file:///data/univ-bench.owl#"
DEPARTMENTS = 20
"""In a university; a university counts as a thousand of anything else."""
FAULTY = 40
RANKS = (
    # rank, how many in a department, publications of each
    ("FullProfessor", (7, 10), (15, 20)),
    ("AssociateProfessor", (10, 14), (10, 18)),
    ("AssistantProfessor", (8, 11), (5, 10)),
    ("Lecturer", (5, 7), (0, 5)),
)
Triple = tuple[str, str, str]


def write_universities(size: int, seed: int, file: Path) -> None:
    """As many departments as belong to `size` thousandths of a university, as N-Triples."""
    chance = Random(seed)
    universities = max(1, round(size / 1000))
    with file.open("w", encoding="utf-8", newline="\n") as out:
        for number in range(max(1, size * DEPARTMENTS // 1000)):
            university = f"<http://www.University{number // DEPARTMENTS}.edu>"
            triples = list(_department(number % DEPARTMENTS, university, universities, chance))
            if number % DEPARTMENTS == 0:
                triples.append((university, "a", "University"))
                triples.append((university, "name", f'"University{number // DEPARTMENTS}"'))
            for subject, name, value in dict.fromkeys(triples):
                predicate = RDF_TYPE if name == "a" else UB + name
                term = f"<{UB}{value}>" if name == "a" else value
                out.write(f"{subject} <{predicate}> {term} .\n")


def _department(
    number: int, university: str, universities: int, chance: Random
) -> Iterator[Triple]:
    host = f"www.Department{number}.{university[12:-1]}"
    root = f"http://{host}"
    department = f"<{root}>"
    yield department, "a", "Department"
    yield department, "name", f'"Department{number}"'
    yield department, "subOrganizationOf", university
    for group in range(chance.randint(10, 20)):
        yield f"<{root}/ResearchGroup{group}>", "a", "ResearchGroup"
        yield f"<{root}/ResearchGroup{group}>", "subOrganizationOf", department
    faculty: list[tuple[str, str]] = []
    courses: dict[str, list[str]] = {"Course": [], "GraduateCourse": []}
    for rank, many, published in RANKS:
        for place in range(chance.randint(*many)):
            name = f"{rank}{place}"
            person = f"<{root}/{name}>"
            faculty.append((person, rank))
            yield from _described(person, rank, name, host, chance)
            yield person, "worksFor", department
            if rank != "Lecturer" and not _slip(chance):
                yield person, "researchInterest", f'"Research{chance.randrange(30)}"'
            for degree in ("undergraduate", "masters", "doctoral"):
                yield from _degree(person, degree, universities, chance)
            if name == "FullProfessor0":
                yield person, "headOf", department
            for kind, held in courses.items():
                for _ in range(chance.randint(1, 2)):
                    course = f"<{root}/{kind}{len(held)}>"
                    held.append(course)
                    yield course, "a", kind
                    yield course, "name", f'"{kind}{len(held) - 1}"'
                    yield person, "teacherOf", course
            for work in range(chance.randint(*published)):
                publication = f"<{root}/{name}/Publication{work}>"
                yield publication, "a", "Publication"
                yield publication, "name", f'"Publication{work}"'
                yield publication, "publicationAuthor", person
    advisors = [person for person, rank in faculty if rank != "Lecturer" or _slip(chance)]
    for place in range(len(faculty) * chance.randint(8, 14)):
        student = f"<{root}/UndergraduateStudent{place}>"
        yield from _student(student, f"UndergraduateStudent{place}", department, host, chance)
        for course in chance.sample(courses["Course"], chance.randint(2, 4)):
            yield student, "takesCourse", course
        if chance.randrange(5) == 0:
            yield student, "advisor", chance.choice(advisors)
    for place in range(len(faculty) * chance.randint(3, 4)):
        student = f"<{root}/GraduateStudent{place}>"
        yield from _student(student, f"GraduateStudent{place}", department, host, chance)
        for course in chance.sample(courses["GraduateCourse"], chance.randint(1, 3)):
            yield student, "takesCourse", course
        yield from _degree(student, "undergraduate", universities, chance)
        yield student, "advisor", chance.choice(advisors)
        role = chance.randrange(12)
        if role < 3:
            yield student, "a", "TeachingAssistant"
            kind = "GraduateCourse" if _slip(chance) else "Course"
            yield student, "teachingAssistantOf", chance.choice(courses[kind])
        elif role < 6:
            yield student, "a", "ResearchAssistant"


def _student(
    student: str, name: str, department: str, host: str, chance: Random
) -> Iterator[Triple]:
    yield from _described(student, name.rstrip("0123456789"), name, host, chance)
    if not _slip(chance):
        yield student, "memberOf", department


def _described(person: str, kind: str, name: str, host: str, chance: Random) -> Iterator[Triple]:
    """What every person has: type, name, address and number, one in FAULTY with something amiss."""
    fault = chance.choice(("name", "address", "number", "twice")) if _slip(chance) else ""
    yield person, "a", kind
    if fault != "name":
        yield person, "name", f'"{name}"'
    yield (
        person,
        "emailAddress",
        f'"{name} at {host}"' if fault == "address" else f'"{name}@{host}"',
    )
    if fault == "number":
        yield person, "telephone", '"5550100"^^<http://www.w3.org/2001/XMLSchema#integer>'
    else:
        yield person, "telephone", '"555-0100"'
    if fault == "twice":
        yield person, "telephone", '"555-0199"'


def _degree(person: str, degree: str, universities: int, chance: Random) -> Iterator[Triple]:
    university = f"<http://www.University{chance.randrange(universities + 50)}.edu>"
    yield person, f"{degree}DegreeFrom", university
    if not _slip(chance):
        yield university, "a", "University"


def _slip(chance: Random) -> bool:
    return chance.randrange(FAULTY) == 0
