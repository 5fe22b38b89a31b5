"""Commands that judge ventures: assess, timeline, compare."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.files import write
from holdfast.cli.options import (
    takes_as_of,
    takes_format,
    takes_limits,
    takes_rules,
    takes_sources,
    takes_venture,
    words_for_sources,
)
from holdfast.errors import clean
from holdfast.limits import Limits
from holdfast.vocabulary import SEVERITIES

if TYPE_CHECKING:
    from holdfast.assess import Assessment, VentureAssessment

FEW = 5
"""Up to so many ventures are shown in full, more as a landscape."""


@click.command("assess")
@takes_sources
@takes_as_of
@takes_rules
@click.option(
    "--venture",
    "wanted",
    multiple=True,
    metavar="IRI",
    help="Show this venture only; may be given again. The last part of its IRI will do.",
)
@takes_format("table", "json", "turtle", "csv")
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="violation",
    show_default=True,
    help="Leave exit status 1 where a finding that undermines or is to be watched is so severe.",
)
@click.option("--keep-going", is_flag=True, help="Leave out files that cannot be read, and say so.")
@takes_limits
@click.pass_context
def assess_command(
    ctx: click.Context,
    sources: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    wanted: tuple[str, ...],
    form: str,
    fail_on: str,
    keep_going: bool,
    limits: Limits,
) -> None:
    """Judge the ventures of SOURCE... on every basis of value.

    Up to five ventures are shown in full, more as a landscape: how many stand how on each basis,
    the most frequent risks and the weakest ventures.
    """
    from holdfast import render

    assessment = assessed(
        sources, as_of, folder, evidence=form != "table", keep_going=keep_going, limits=limits
    )
    ventures = [assessment.venture(name) for name in dict.fromkeys(wanted)] or assessment.ventures
    if form == "table":
        _show_assessment(assessment, ventures, _same(as_of, folder))
    else:
        write(
            {
                "json": lambda: render.json_of(assessment, ventures, as_of),
                "csv": lambda: render.csv_of(ventures),
                "turtle": lambda: render.turtle_of(assessment, ventures),
            }[form]()
        )
        for sentence in render.left_out_in_words(assessment.left_out):
            click.echo(sentence, err=True)
    if fails(ventures, fail_on):
        ctx.exit(1)


def fails(ventures: Iterable[VentureAssessment], fail_on: str) -> bool:
    """Whether a finding that undermines or is to be watched is at or above a severity."""
    if fail_on == "never":
        return False
    least = SEVERITIES.index(fail_on)
    return any(
        finding.effect in ("undermines", "watch") and SEVERITIES.index(finding.severity) >= least
        for venture in ventures
        for finding in venture.findings
    )


def assessed(
    sources: Sequence[str],
    as_of: str | None,
    folder: Path | None,
    *,
    evidence: bool,
    keep_going: bool = False,
    limits: Limits | None = None,
    editable: bool = False,
) -> Assessment:
    """An assessment; what a reader should know before trusting it goes to standard error."""
    from holdfast import terminal
    from holdfast.assess import assess

    with terminal.waiting("Reading") as progress:
        assessment = assess(
            sources,
            as_of=as_of,
            rules=folder,
            evidence=evidence,
            keep_going=keep_going,
            limits=limits,
            progress=progress,
            editable=editable,
        )
    for doubt in assessment.doubts():
        click.echo(clean(doubt), err=True)
    return assessment


def _same(as_of: str | None, folder: Path | None) -> list[str]:
    """The words that make another command read the same as this one."""
    words = words_for_sources()
    if as_of is not None:
        words += ["--as-of", as_of]
    if folder is not None:
        words += ["--rules", str(folder)]
    return words


def _show_assessment(
    assessment: Assessment, ventures: Sequence[VentureAssessment], same: Sequence[str]
) -> None:
    from holdfast import render, terminal
    from holdfast.explain import advice_for

    console = terminal.page()
    if len(ventures) > FEW:
        look = shlex.join(["holdfast", "assess", *same, "--venture"])
        render.show_landscape(console, assessment, ventures, look)
        return
    names = render.names_of(assessment.ventures)
    render.show_ventures(
        console,
        assessment,
        [(venture, advice_for(assessment, venture)) for venture in ventures],
        {
            venture.iri: shlex.join(["holdfast", "explain", *same, "--venture", names[venture.iri]])
            for venture in ventures
        },
    )


@click.command("timeline")
@takes_sources
@takes_venture("Whose timeline.")
@takes_rules
@takes_limits
def timeline_command(
    sources: tuple[str, ...], venture: str, folder: Path | None, limits: Limits
) -> None:
    """Show a venture's standings through its phases, and what changed between them.

    A venture without phases is shown through the years in which something of it begins or ends.
    """
    from holdfast import render, terminal
    from holdfast.timeline import timeline

    with terminal.waiting("Reading") as progress:
        line = timeline(sources, venture, rules=folder, limits=limits, progress=progress)
    render.show_timeline(terminal.page(), line)


@click.command("compare")
@takes_sources
@click.argument("first", metavar="IRI")
@click.argument("second", metavar="IRI")
@takes_as_of
@takes_rules
@takes_limits
def compare_command(
    sources: tuple[str, ...],
    first: str,
    second: str,
    as_of: str | None,
    folder: Path | None,
    limits: Limits,
) -> None:
    """Show two ventures of SOURCE... side by side, and the findings in which they differ.

    The last two words are the ventures, each an IRI or its last part.
    """
    from holdfast import render, terminal
    from holdfast.compare import compare

    assessment = assessed(sources, as_of, folder, evidence=False, limits=limits)
    render.show_comparison(terminal.page(), assessment, compare(assessment, first, second))
