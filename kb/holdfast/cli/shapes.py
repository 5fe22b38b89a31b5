"""Commands on anybody's shapes: validate, infer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from holdfast import __version__
from holdfast.cli.files import deliver
from holdfast.cli.options import registers_of, takes_limits
from holdfast.errors import clean
from holdfast.limits import Limits
from holdfast.sources import FORMS, read_as
from holdfast.vocabulary import INFERENCES, SH

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


_ENDPOINT = "holdfast.endpoint"


def _takes_form(short: str, long: str, name: str, what: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        short,
        long,
        name,
        type=click.Choice(["auto", *FORMS]),
        default="auto",
        show_default=True,
        help=f"In which format {what} read; auto goes by the suffix.",
    )


def takes_shapes(command: Decorated) -> Decorated:
    """Let a command hold data against shapes, which pySHACL's options name."""

    @wraps(command)
    def read(
        *words: Any,
        sources: tuple[str, ...],
        given: tuple[str, ...],
        ontology: tuple[str, ...],
        endpoint: bool,
        data_form: str,
        shapes_form: str,
        ontology_form: str,
        **options: Any,
    ) -> Any:
        apart = bool(given) or len(sources) == 1
        data, shapes = (sources, given) if apart else (sources[:-1], sources[-1:])
        if endpoint:
            from holdfast.store import is_remote

            for word in data:
                if not is_remote(word):
                    raise click.UsageError(
                        f"{word} is no SPARQL endpoint, which --sparql-mode needs."
                    )
        forms = {
            source: form
            for named, form in (
                (shapes, shapes_form), (ontology, ontology_form), (data, data_form)
            )
            for source in named
            if form != "auto"
        }  # fmt: skip
        click.get_current_context().meta[_ENDPOINT] = endpoint
        with read_as(forms), registers_of(data if endpoint else ()) as kept:
            return command(
                *words, data=tuple(kept) or data, shapes=shapes, ontology=ontology, **options
            )

    for option in (
        click.option(
            "-q",
            "--sparql-mode",
            "endpoint",
            is_flag=True,
            help="DATA is the address of a SPARQL endpoint, which is read whole.",
        ),
        _takes_form("-ef", "--ont-file-format", "ontology_form", "the ontology is"),
        _takes_form("-sf", "--shacl-file-format", "shapes_form", "the shapes are"),
        _takes_form("-df", "--data-file-format", "data_form", "the data are"),
        click.option(
            "-im",
            "--imports",
            is_flag=True,
            help="Read what owl:imports names, if it is a file: of this machine.",
        ),
        click.option(
            "-i",
            "--inference",
            type=click.Choice(INFERENCES),
            default="none",
            show_default=True,
            help="What is inferred from the data first.",
        ),
        click.option(
            "-e",
            "--ont-graph",
            "ontology",
            multiple=True,
            metavar="SOURCE",
            help="An ontology that takes part in the data.",
        ),
        click.option(
            "-s",
            "--shapes",
            "--shacl",
            "given",
            multiple=True,
            metavar="SHAPES",
            help="The shapes; then all that is named without -s is data.",
        ),
        click.argument("sources", nargs=-1, required=True, metavar="DATA... [SHAPES]"),
    ):
        read = option(read)
    return cast(Decorated, read)


def _doubt(doubts: Iterable[str]) -> None:
    """What a reader should know before trusting the answer, on standard error."""
    for doubt in dict.fromkeys(doubts):
        click.echo(clean(doubt), err=True)


@click.command("validate")
@takes_shapes
@click.option(
    "-m",
    "--metashacl",
    is_flag=True,
    help="First hold the shapes against the shapes of SHACL itself.",
)
@click.option("-a", "--advanced", is_flag=True, help="Query targets and rules (SHACL-AF).")
@click.option(
    "-it", "--iterate-rules", "iterate", is_flag=True, help="Run rules until they add nothing."
)
@click.option("--abort", is_flag=True, help="Stop at the first result.")
@click.option(
    "--max-depth",
    "depth",
    type=click.IntRange(1),
    help="Refuse shapes that are more than so many deep, one inside the other.",
)
@click.option(
    "--validate-each", "each", is_flag=True, help="Hold each of DATA against the shapes by itself."
)
@click.option(
    "-w",
    "--allow-warnings",
    "--allow-warning",
    "warnings",
    is_flag=True,
    help="Warnings and infos do not count against the data.",
)
@click.option(
    "--allow-infos",
    "--allow-info",
    "infos",
    is_flag=True,
    help="Infos do not count against the data.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["info", "warning", "violation", "never"]),
    help="Leave status 1 for results of this severity and above only.",
)
@click.option("--focus", multiple=True, metavar="IRI", help="Only this node; may be given again.")
@click.option("--shape", "only", multiple=True, metavar="IRI", help="Only this shape; likewise.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", "human", "turtle", "json", "sarif", "nt", "n3", "xml", "json-ld"]),
    default="table",
    show_default=True,
    help="How to write the report; human is table.",
)
@click.option("-o", "--output", "out", metavar="FILE", help="Write the report to this file.")
@click.option(
    "--inferred",
    metavar="FILE",
    help="Write what the rules add to this file, each triple with its sh:sourceRule.",
)
@takes_limits
@click.pass_context
def validate_command(
    ctx: click.Context,
    data: tuple[str, ...],
    shapes: tuple[str, ...],
    ontology: tuple[str, ...],
    inference: str,
    metashacl: bool,
    imports: bool,
    advanced: bool,
    iterate: bool,
    abort: bool,
    depth: int | None,
    each: bool,
    warnings: bool,
    infos: bool,
    fail_on: str | None,
    focus: tuple[str, ...],
    only: tuple[str, ...],
    form: str,
    out: str | None,
    inferred: str | None,
    limits: Limits,
) -> None:
    """Hold DATA against SHAPES (W3C SHACL) and print the validation report.

    Without -s the last word names the shapes, and a single word both. The exit status is 0 when the
    data conform, 1 when they do not, 2 when data or shapes cannot be used.
    """
    allow = [SH + "Info"] if infos or warnings else []
    allow += [SH + "Warning"] if warnings else []
    if each and not (shapes or len(data) == 1):
        raise click.UsageError("--validate-each needs the shapes with -s.")
    from holdfast import render, terminal
    from holdfast.validate import check_shapes, validate

    if metashacl:
        check_shapes(shapes or data)
    reports = [
        validate(
            some,
            shapes,
            ontology=ontology,
            inference=inference,
            imports=imports,
            advanced=advanced,
            iterate=iterate,
            abort=abort,
            depth=depth,
            allow=allow,
            focus=[iri for part in focus for iri in part.split(",")],
            only=[iri for part in only for iri in part.split(",")],
            limits=limits,
        )
        for some in ([(source,) for source in data] if each else [data])
    ]
    _doubt(doubt for report in reports for doubt in report.doubts)
    if ctx.meta[_ENDPOINT]:
        for report in reports:
            report.columns.files.clear()  # what was fetched has no lines that anybody could open
    if each:
        told = [render.report_text(report, form, __version__) for report in reports]
        heads = [f"=== Validation result for {source} ===\n" for source in data]
        deliver("".join(f"{head}{text}\n" for head, text in zip(heads, told, strict=True)), out)
    elif form in ("table", "human") and out is None:
        render.show_report(terminal.page(), reports[0])
    else:
        deliver(render.report_text(reports[0], form, __version__), out)
    if inferred is not None:
        made = [triple for report in reports for triple in report.inferred]
        deliver(render.inferred_text(made, "turtle", sources=True), inferred)
    if any(not r.conforms if fail_on is None else r.reaches(fail_on) for r in reports):
        ctx.exit(1)


@click.command("infer")
@takes_shapes
@click.option(
    "--rule-set",
    "rule_sets",
    multiple=True,
    metavar="IRI",
    help="Only the rules of this sh:RuleSet; may be given again.",
)
@click.option("--once", is_flag=True, help="Run each rule once, as SHACL-AF has it.")
@click.option("--sources", "told", is_flag=True, help="Say of each triple which rule added it.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["turtle", "nt"]),
    default="turtle",
    show_default=True,
    help="How to write the triples.",
)
@click.option("-o", "--output", "out", metavar="FILE", help="Write them to this file.")
@takes_limits
def infer_command(
    data: tuple[str, ...],
    shapes: tuple[str, ...],
    ontology: tuple[str, ...],
    inference: str,
    imports: bool,
    rule_sets: tuple[str, ...],
    once: bool,
    told: bool,
    form: str,
    out: str | None,
    limits: Limits,
) -> None:
    """Run the SHACL rules of SHAPES over DATA and print what they add.

    Without -s the last word names the shapes, and a single word both. Rules run until they add
    nothing (SHACL 1.2 Inference Rules). The exit status is 0, or 2 when data or shapes cannot be
    used.
    """
    from holdfast import render
    from holdfast.validate import infer

    found = infer(
        data,
        shapes,
        ontology=ontology,
        inference=inference,
        imports=imports,
        rule_sets=rule_sets,
        once=once,
        limits=limits,
    )
    _doubt(found.doubts)
    deliver(render.inferred_text(found.triples, form, sources=told), out)
