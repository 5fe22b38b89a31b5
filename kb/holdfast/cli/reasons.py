"""Commands that give reasons and try changes: explain, whatif, remedies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.files import text_of, write
from holdfast.cli.judging import assessed
from holdfast.cli.options import (
    takes_as_of,
    takes_format,
    takes_limits,
    takes_rules,
    takes_sources,
    takes_venture,
)
from holdfast.limits import WAYS, Limits
from holdfast.vocabulary import BASES

if TYPE_CHECKING:
    from holdfast.queries import Operation
    from holdfast.whatif import Change


@click.command("explain")
@takes_sources
@click.option("--venture", metavar="IRI", help="The venture. The last part of its IRI will do.")
@click.option("--basis", type=click.Choice(BASES), help="Only the findings on this basis.")
@click.option("--rule", metavar="ID", help="Only the findings of this rule.")
@click.option(
    "--triple", metavar="TRIPLE", help="Instead of findings, prove this triple, in Turtle."
)
@takes_as_of
@takes_rules
@click.option("--not", "silent", is_flag=True, help="Why the rule of --rule does not fire.")
@click.option(
    "--all",
    "most",
    type=click.IntRange(1, WAYS),
    is_flag=False,
    flag_value=WAYS,
    default=1,
    metavar="[N]",
    help="More than one proof of each, the shortest first: all, or at most N.",
)
@takes_format("text", "json", "turtle")
@takes_limits
def explain_command(
    sources: tuple[str, ...],
    venture: str | None,
    basis: str | None,
    rule: str | None,
    triple: str | None,
    as_of: str | None,
    folder: Path | None,
    silent: bool,
    most: int,
    form: str,
    limits: Limits,
) -> None:
    """Show why the findings on a venture hold, or a triple, down to the stated facts.

    With --not, show which pattern of a rule fails for the venture, and how near it came.
    """
    if basis and rule:
        raise click.UsageError("Give --basis or --rule, not both.")
    if silent and not rule:
        raise click.UsageError("--not needs --rule: which rule is silent?")
    if silent and form == "turtle":
        raise click.UsageError("--not is told as text or json.")
    if (venture is None) == (triple is None):
        raise click.UsageError("Say what to explain: either --venture IRI or --triple TRIPLE.")
    if triple is not None and (basis or rule):
        raise click.UsageError("--basis and --rule choose findings; --triple names a triple.")
    from holdfast import proofs, render, terminal
    from holdfast.explain import explain, prove, why_not
    from holdfast.whatif import quads_in_turtle

    if triple is not None:
        quads = quads_in_turtle(triple, where="--triple")
        if len(quads) != 1:
            raise click.UsageError("--triple takes one triple.")
        assessment = assessed(sources, as_of, folder, evidence=False, limits=limits)
        proved = prove(assessment, quads[0][:3], most=most)
        if form == "json":
            write(render.proved_json(proved, as_of))
        elif form == "turtle":
            write(proofs.proved_turtle(assessment, proved))
        else:
            render.show_proved(terminal.page(), proved)
        return
    assert venture is not None
    assessment = assessed(sources, as_of, folder, evidence=False, limits=limits)
    judged = assessment.venture(venture)
    console = terminal.page()
    if silent and rule:
        answer = why_not(assessment, judged.iri, rule)
        if form == "json":
            write(render.why_not_json(judged, answer, as_of))
        else:
            render.show_why_not(console, assessment, judged, answer)
        return
    found = explain(assessment, judged.iri, basis=basis, rule=rule, most=most)
    if form == "json":
        write(render.explanations_json(judged, found, as_of))
    elif form == "turtle":
        write(proofs.explanations_turtle(assessment, judged.iri, found))
    else:
        render.show_explanations(console, assessment, judged, found, basis or rule or "")


@click.command("remedies")
@takes_sources
@takes_as_of
@takes_rules
@takes_venture("The venture to be helped.")
@click.option("--basis", type=click.Choice(BASES), help="Only what helps on this basis.")
@takes_format("table", "json", "turtle")
@takes_limits
def remedies_command(
    sources: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    venture: str,
    basis: str | None,
    form: str,
    limits: Limits,
) -> None:
    """Say what would help a venture: the changes its risks suggest, each tried.

    Each change shows which risks it clears, which it brings to any venture, which standings move,
    and what would have to be so. Changes are to purpose, capacity, fit and conduct only.
    """
    from holdfast import render, terminal
    from holdfast.remedies import remedies

    assessment = assessed(sources, as_of, folder, evidence=False, limits=limits, editable=True)
    with terminal.waiting("Trying") as progress:
        answer = remedies(assessment, venture, basis=basis, progress=progress)
    if form == "table":
        render.show_remedies(terminal.page(), assessment, answer)
    elif form == "json":
        write(render.remedies_json(assessment, answer, as_of))
    else:
        write(render.remedies_turtle(assessment, answer))


@click.command("whatif")
@takes_sources
@click.option(
    "--change",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.ru",
    help="A SPARQL Update; - is standard input.",
)
@click.option("--add", "added", multiple=True, metavar="TRIPLE", help="A triple more, in Turtle.")
@click.option(
    "--remove", "removed", multiple=True, metavar="TRIPLE", help="A triple less, in Turtle."
)
@takes_as_of
@takes_rules
@takes_format("table", "json", "turtle")
@takes_limits
def whatif_command(
    sources: tuple[str, ...],
    file: Path | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    form: str,
    limits: Limits,
) -> None:
    """Say what would be found otherwise if SOURCE... were changed. Nothing is changed by asking.

    The change is made, what follows from it is found, and all is undone. A triple that is removed
    is removed from every graph that states it.
    """
    if not (file or added or removed):
        raise click.UsageError(
            "Say what changes: --change FILE.ru, --add TRIPLE or --remove TRIPLE."
        )
    from holdfast import proofs, render, terminal
    from holdfast.whatif import (
        Change,
        must_be_stated,
        operations_in,
        quads_in_turtle,
        reasons_for,
        what_if,
    )

    steps: list[Operation | Change] = []
    if file is not None:
        steps += operations_in(text_of(file), where=str(file))
    more = tuple(quad for text in added for quad in quads_in_turtle(text, where="--add"))
    less = tuple(quad for text in removed for quad in quads_in_turtle(text, where="--remove"))
    if more or less:
        steps.append(Change(more, less))
    assessment = assessed(sources, as_of, folder, evidence=False, limits=limits, editable=True)
    must_be_stated(assessment, less)
    outcome = what_if(assessment, steps)
    reasons = reasons_for(assessment, steps, outcome)
    if form == "table":
        render.show_outcome(terminal.page(), assessment, outcome, reasons)
    elif form == "json":
        write(render.outcome_json(assessment, outcome, reasons, as_of))
    else:
        write(proofs.outcome_turtle(assessment, outcome, reasons))
