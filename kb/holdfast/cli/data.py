"""Commands on any data: query, ask, synth."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from holdfast.cli.files import write
from holdfast.cli.group import Unusable
from holdfast.cli.options import (
    registers_of,
    takes_as_of,
    takes_format,
    takes_limits,
    takes_rules,
    takes_sources,
    takes_stores,
)
from holdfast.errors import SourceError, clean
from holdfast.limits import Limits

if TYPE_CHECKING:
    from holdfast.columns import Columns
    from holdfast.saved import Question

FORMATS = ("table", "json", "csv", "tsv", "xml", "turtle", "ntriples")


@click.command("query")
@takes_sources
@click.argument("query")
@takes_as_of
@takes_rules
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="How to write the answer; triples are written as turtle or ntriples.",
)  # fmt: skip
@click.option(
    "--inferred/--stated",
    help="Ask what follows from the sources by ontology and rules, too, or only what they state.",
)
@click.option(
    "--strict", is_flag=True,
    help="Let the default graph be what stands in no named graph, instead of the union of all.",
)  # fmt: skip
@click.option(
    "--base",
    metavar="IRI",
    help="What relative IRIs of the query stand under; by default its file.",
)
@click.option(
    "--seconds", type=float, metavar="N", help="Give up after so long. [default: as --max-seconds]"
)
@click.option("--rows", type=int, metavar="N", help="Give up at more solutions than this.")
@click.option("--explain-plan", is_flag=True, help="Print the SQL and DuckDB's plan instead.")
@takes_limits
def query_command(
    sources: tuple[str, ...],
    query: str,
    as_of: str | None,
    folder: Path | None,
    form: str,
    inferred: bool,
    strict: bool,
    base: str | None,
    seconds: float | None,
    rows: int | None,
    explain_plan: bool,
    limits: Limits,
) -> None:
    """Ask the sources a SPARQL 1.1 query: QUERY is its text, or a file with it (.rq).

    The default graph is the union of all graphs, unless it is asked to be --strict.
    """
    text = query
    if query.endswith((".rq", ".sparql")) or not any(sign in query for sign in "{<:"):
        try:
            text = Path(query).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise Unusable(f"{query}: there is no such query file, nor is it a query.") from None
        base = base or Path(query).resolve().as_uri()
    from holdfast.answers import answer, plan_of_query, serialised

    columns = columns_of(sources, as_of, folder, inferred=inferred, limits=limits)
    if explain_plan:
        click.echo(plan_of_query(columns, text, base=base or "", strict=strict))
        return
    seconds = limits.seconds if seconds is None else seconds
    found = answer(columns, text, base=base or "", strict=strict, seconds=seconds, rows=rows)
    if form != "table":
        click.echo(serialised(found, form), nl=False)
    elif found.triples is not None:
        click.echo(serialised(found, "turtle"), nl=False)
    elif found.boolean is not None:
        click.echo("yes" if found.boolean else "no")
    else:
        click.echo(clean("  ".join(f"?{name}" for name in found.variables)))
        for row in found.solutions or []:
            click.echo(clean("  ".join(str(term or "-") for term in row)))


def columns_of(
    sources: Sequence[str],
    as_of: str | None,
    folder: Path | None,
    *,
    inferred: bool,
    limits: Limits,
) -> Columns:
    """The sources as columns, as of a time, with what follows from them or without."""
    if inferred:
        from holdfast.assess import assess

        return assess(sources, as_of=as_of, rules=folder, evidence=False, limits=limits).columns
    from holdfast.columns import Columns, project
    from holdfast.ontology import read_ontology

    columns = Columns(limits)
    if as_of:
        columns.load(sources, background=read_ontology().files)
        project(columns, as_of, date.today())
    else:
        columns.load(sources)
        columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


@click.command("ask")
@click.argument("words", nargs=-1, metavar="SOURCE... QUESTION")
@takes_stores
@click.option("--list", "listing", is_flag=True, help="List the saved questions instead.")
@click.option(
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the question; may be given again.",
)
@takes_as_of
@takes_rules
@click.option(
    "--questions",
    "place",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Use the questions of this folder instead of the shipped ones.",
)
@click.option(
    "--inferred/--stated",
    default=None,
    help="Ask what follows from the sources, too, or only what they state. [as the question says]",
)
@click.option(
    "--seconds", type=float, metavar="N", help="Give up after so long. [default: as --max-seconds]"
)
@takes_format("table", "json", "csv", "tsv", "xml", "markdown")
@takes_limits
def ask_command(
    words: tuple[str, ...],
    kb: tuple[str, ...],
    listing: bool,
    given: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    place: Path | None,
    inferred: bool | None,
    seconds: float | None,
    form: str,
    limits: Limits,
) -> None:
    """Ask the sources a saved question: the last word is its id.

    --list names the questions with what can be set in them.
    """
    from holdfast.saved import named, read_questions

    questions = read_questions(place)
    if listing:
        if words or kb:
            raise click.UsageError("--list takes no SOURCE.")
        list_questions(questions, form)
        return
    if len(words) < (1 if kb else 2):
        raise click.UsageError("Say what to ask: SOURCE... QUESTION; --list shows the questions.")
    *sources, name = words
    question = named(name, questions)
    text = question.asked(_parameters(given))
    reads = question.reads == "inferred" if inferred is None else inferred
    from holdfast import terminal
    from holdfast.answers import answer, plain_text, serialised

    with terminal.waiting("Asking"), registers_of(kb) as kept:
        columns = columns_of([*kept, *sources], as_of, folder, inferred=reads, limits=limits)
        seconds = limits.seconds if seconds is None else seconds
        found = answer(columns, text, seconds=seconds)
    if form not in ("table", "markdown"):
        click.echo(serialised(found, form), nl=False)
        return
    rows = [[clean(plain_text(term)) for term in row] for row in found.solutions or []]
    if form == "markdown":
        table = [list(found.variables), ["---"] * len(found.variables), *rows]
        write("".join(f"| {' | '.join(row)} |\n" for row in table))
        return
    terminal.page().print(question.question, style="bold")
    terminal.show_table(terminal.page(), found.variables, rows)


def _parameters(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise click.UsageError(f"--param {text}: write it as NAME=VALUE.")
        found[name.strip()] = value
    return found


def list_questions(questions: Sequence[Question], form: str) -> None:
    """The questions with what can be set in them."""
    from holdfast import terminal
    from holdfast.saved import by_subject, page_of

    if form == "markdown":
        write(page_of(questions))
    elif form == "json":
        told = [
            {
                "id": one.id,
                "question": one.question,
                "about": one.about,
                "why": one.why,
                "asked_by": one.asked_by,
                "reads": one.reads,
                "parameters": [
                    {"name": p.name, "kind": p.kind, "default": p.default, "meaning": p.meaning}
                    for p in one.parameters
                ],
            }
            for one in questions
        ]
        write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    elif form == "table":
        rows = [
            [
                about,
                one.id,
                one.question,
                ", ".join(f"{p.name}={p.default}" for p in one.parameters),
            ]
            for about, some in by_subject(questions).items()
            for one in some
        ]
        terminal.show_table(terminal.page(), ("About", "Name", "Asks", "Can be set"), rows)
    else:
        raise click.UsageError("--list is written as a table, json or markdown.")


@click.command("synth")
@click.option("--ventures", required=True, type=click.IntRange(1), help="How many ventures.")
@click.option(
    "--seed", default=1, show_default=True, type=int, help="The same seed, the same file."
)
@click.option(
    "-o", "out", required=True, metavar="FILE", help="Where to write it; - is standard output."
)
def synth_command(ventures: int, seed: int, out: str) -> None:
    """Write a made-up register, with risks planted in it, for trials."""
    from holdfast.synth import write_register

    try:
        if out == "-":
            # TriG, because that is what is read from standard input
            with TemporaryDirectory(prefix="holdfast-") as folder:
                file = Path(folder) / "register.trig"
                made = write_register(ventures, seed, file)
                with file.open("rb") as written:
                    shutil.copyfileobj(written, sys.stdout.buffer)
        else:
            made = write_register(ventures, seed, Path(out))
    except OSError as error:
        raise SourceError(
            f"the register cannot be written: {error.strerror or error}.", where=out
        ) from None
    click.echo(
        f"{made['ventures']:,} ventures, {made['organisations']:,} organisations,"
        f" {made['triples']:,} triples; risks planted: {made['planted']:,}.",
        err=True,
    )
    if out != "-":
        click.echo(f"Which risk was planted where is in {out}.planted.csv.", err=True)
