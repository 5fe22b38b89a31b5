"""Saved questions: folders with a query, its parameters, and a little data with its answer."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from holdfast.errors import HoldfastError, SourceError, UnknownNameError
from holdfast.shipped import shipped_folder
from holdfast.vocabulary import HF, XSD, nearest

READS = ("stated", "inferred")
"""What a question is asked of: what sources state, or what follows from it too, with findings."""

OTHER = "other"
"""The subject of questions that name none."""

KINDS = ("integer", "decimal", "date", "year", "text", "concept")
"""The kinds of a parameter; a concept is an IRI, or a term of ours written hf:like-this."""


@dataclass(frozen=True)
class Parameter:
    """A value that can be set in a question: its kind (of KINDS), its default, what it means."""

    name: str
    kind: str
    default: str
    meaning: str

    def term(self, value: str) -> str:
        """A value as SPARQL writes it. Raises HoldfastError where it is not of this kind."""
        text = value.strip()
        if self.kind == "integer" and re.fullmatch(r"-?\d+", text):
            return text
        if self.kind == "decimal" and re.fullmatch(r"-?\d+(\.\d+)?", text):
            return text if "." in text else f"{text}.0"
        if self.kind == "year" and re.fullmatch(r"\d{4}", text):
            return f'"{text}"^^<{XSD}gYear>'
        if self.kind == "date" and _is_day(text):
            return f'"{text}"^^<{XSD}date>'
        if self.kind == "text":
            escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        if self.kind == "concept":
            if re.fullmatch(r"hf:[A-Za-z][\w-]*", text):
                return f"<{HF}{text.removeprefix('hf:')}>"
            if re.fullmatch(r"[A-Za-z][\w+.-]*:[^\s<>\"{}|\\^`]+", text):
                return f"<{text}>"
        raise HoldfastError(
            f"'{value}' is not {_ARTICLES[self.kind]}.",
            where=f"--param {self.name}",
            mend=f"Give {_ARTICLES[self.kind]}, such as {self.default}: {self.meaning}.",
        )


_ARTICLES = {
    "integer": "a whole number",
    "decimal": "a number",
    "date": "a day written YYYY-MM-DD",
    "year": "a year written YYYY",
    "text": "a text",
    "concept": "an IRI or a term written hf:like-this",
}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True)
class Question:
    """A saved question. `text` is its query in SPARQL, which holds the defaults as it stands.

    `about` is the subject under which it is listed.
    """

    id: str
    question: str
    about: str
    asked_by: str
    why: str
    reads: str
    parameters: tuple[Parameter, ...]
    folder: Path

    @cached_property
    def text(self) -> str:
        """The query as it is saved."""
        return (self.folder / "question.rq").read_text(encoding="utf-8")

    def asked(self, given: Mapping[str, str]) -> str:
        """The query with values put in for its parameters, the defaults for the others.

        Raises UnknownNameError for a parameter that it has not, and HoldfastError for a value that
        is not of the parameter's kind.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        text = self.text
        for name, value in given.items():
            if name not in known:
                have = f" It has {', '.join(known)}." if known else " It has none."
                raise UnknownNameError(
                    f"{self.id} has no parameter {name}.",
                    mend=f"{nearest(name, known)}{have}".strip(),
                )
            term = known[name].term(value)
            put = f"BIND({term} AS ?{name})"
            text = put.join(_binding(name).split(text))
        return text


def _binding(name: str) -> re.Pattern[str]:
    """Where a query binds a parameter: BIND(… AS ?name), with one term in it."""
    return re.compile(rf"BIND\(\s*(?:\"[^\"]*\"\S*|\S+)\s+AS\s+\?{re.escape(name)}\s*\)")


def read_questions(folder: Path | None = None) -> list[Question]:
    """The saved questions of a folder, by default the shipped ones, in the order of their ids.

    Raises SourceError for a folder that holds none, or a question that does not say what it must.
    """
    folder = folder or shipped_folder("ontology") / "questions"
    files = sorted(folder.glob("*/question.rq")) if folder.is_dir() else []
    if not files:
        raise SourceError(
            "there are no questions here.",
            where=str(folder),
            mend="A question is a folder with a question.rq.",
        )
    return [_read(file) for file in files]


def _read(file: Path) -> Question:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SourceError("the question cannot be read as UTF-8.", where=str(file)) from None
    head = dict(re.findall(r"^# (question|about|asked by|why|reads): (.+)$", text, flags=re.M))
    for key in ("question", "asked by", "why"):
        if key not in head:
            raise SourceError(
                f"the question does not say '{key}'.",
                where=str(file),
                mend=f"Begin a line with '# {key}:'.",
            )
    reads = head.get("reads", "inferred")
    if reads not in READS:
        raise SourceError(
            f"'# reads: {reads}' is not known.", where=str(file), mend=f"One of {', '.join(READS)}."
        )
    return Question(
        id=file.parent.name,
        question=head["question"],
        about=head.get("about", OTHER),
        asked_by=head["asked by"],
        why=head["why"],
        reads=reads,
        parameters=tuple(_parameters(file, text)),
        folder=file.parent,
    )


def _parameters(file: Path, text: str) -> Iterable[Parameter]:
    for line in re.findall(r"^# parameter: (.+)$", text, flags=re.M):
        said = re.fullmatch(r"(\w+) (\w+) (\S.*?): (.+)", line)
        if not said or said[2] not in KINDS:
            raise SourceError(
                f"the parameter '{line}' cannot be read.",
                where=str(file),
                mend="Write '# parameter: name kind default: what it means', the kind one of"
                f" {', '.join(KINDS)}.",
            )
        parameter = Parameter(said[1], said[2], said[3], said[4])
        parameter.term(parameter.default)
        if not _binding(parameter.name).search(text):
            raise SourceError(
                f"the query does not bind the parameter {parameter.name}.",
                where=str(file),
                mend=f"Write BIND({parameter.term(parameter.default)} AS ?{parameter.name}).",
            )
        yield parameter


def named(name: str, questions: Iterable[Question]) -> Question:
    """The question of that id. Raises UnknownNameError."""
    known = {question.id: question for question in questions}
    if name not in known:
        raise UnknownNameError(
            f"there is no question {name}.",
            mend=f"{nearest(name, known)} `holdfast ask --list` shows all.".strip(),
        )
    return known[name]


def by_subject(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """Questions under their subjects: these by the alphabet, and those that name none last."""
    grouped: dict[str, list[Question]] = {}
    for question in questions:
        grouped.setdefault(question.about, []).append(question)
    return dict(sorted(grouped.items(), key=lambda item: (item[0] == OTHER, item[0])))


def page_of(questions: Iterable[Question]) -> str:
    """A page in Markdown on questions: what is asked and why, what can be set, and a small answer.

    The answer is that of the little data beside the question, against which it is tested.
    """
    listed = list(questions)
    lines = [
        "# Saved questions",
        "",
        "Made by `holdfast ask --list --format markdown`; change the folders in"
        " [ontology/questions](../ontology/questions),",
        "not this page. `holdfast ask SOURCE... QUESTION` asks one of them of your registers;"
        " [landscape.md](landscape.md)",
        "tells how, and what some of them say of real ones.",
        "",
        "| about | question | asks | can be set |",
        "|---|---|---|---|",
    ]
    for about, some in by_subject(listed).items():
        for one in some:
            settable = ", ".join(f"`{p.name}`" for p in one.parameters) or "-"
            asks = _cell(one.question)
            lines.append(f"| {about} | [`{one.id}`](#{one.id}) | {asks} | {settable} |")
    for one in listed:
        asked = "what is stated" if one.reads == "stated" else "what follows, with findings"
        lines += ["", f"## {one.id}", "", f"{one.question} {one.why}", ""]
        lines.append(f"Asked by: {one.asked_by}. Reads {asked}.")
        if one.parameters:
            lines += ["", "| parameter | kind | default | means |", "|---|---|---|---|"]
            lines += [
                f"| `{p.name}` | {p.kind} | `{p.default}` | {_cell(p.meaning)} |"
                for p in one.parameters
            ]
        answer = one.folder / "answer.csv"
        if answer.is_file():
            with answer.open(encoding="utf-8", newline="") as rows:
                head, *body = list(csv.reader(rows))
            lines += [
                "",
                "Of its [little data](../ontology/questions/" + one.id + "/data.ttl):",
                "",
            ]
            lines += [_row(head), "|" + "---|" * len(head), *map(_row, body)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_cell(cell) or '-' for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
