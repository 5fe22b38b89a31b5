"""Commands for whoever keeps and publishes a register: check, identity."""

from __future__ import annotations

from pathlib import Path

import click

from holdfast import __version__
from holdfast.cli.files import deliver
from holdfast.cli.options import takes_format, takes_limits, takes_sources
from holdfast.errors import clean
from holdfast.limits import Limits
from holdfast.vocabulary import SEVERITIES


@click.command("check")
@takes_sources
@takes_format("table", "json", "turtle", "html", "sarif")
@click.option("-o", "--output", "out", metavar="FILE", help="Write the answer to this file.")
@click.option(
    "--mends",
    metavar="FILE.ru",
    help="Write suggested mends to this file, as a SPARQL Update.",
)
@click.option(
    "--shapes",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Hold the sources against the shapes of this folder instead of the shipped ones.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*reversed(SEVERITIES), "never"]),
    default="violation",
    show_default=True,
    help="Leave exit status 1 where something falls short so severely.",
)
@takes_limits
@click.pass_context
def check_command(
    ctx: click.Context,
    sources: tuple[str, ...],
    form: str,
    out: str | None,
    mends: str | None,
    shapes: Path | None,
    fail_on: str,
    limits: Limits,
) -> None:
    """Say what SOURCE... must and should still hold to be published, and how good it is.

    A violation must be mended before the register is published, a warning should be, an info would
    help. The exit status is 0 when nothing falls short so far as --fail-on says, else 1.
    """
    from holdfast import terminal
    from holdfast.checkpage import (
        check_html,
        check_json,
        check_sarif,
        check_text,
        check_turtle,
        mends_text,
        show_check,
    )
    from holdfast.publication import check

    with terminal.waiting("Checking") as progress:
        found = check(sources, shapes=shapes, limits=limits, progress=progress)
    if form == "table" and out is None:
        show_check(terminal.page(), found)
    elif form == "table":
        deliver(check_text(found), out)
    else:
        written = {
            "json": lambda: check_json(found),
            "turtle": lambda: check_turtle(found),
            "html": lambda: check_html(found),
            "sarif": lambda: check_sarif(found, __version__),
        }
        deliver(written[form](), out)
    if mends is not None:
        text, ready, asking = mends_text(found)
        deliver(text, mends)
        click.echo(f"Mends: {ready:,} can be run as they stand, {asking:,} need a word.", err=True)
    counts = found.counts()
    severe = SEVERITIES[SEVERITIES.index(fail_on) :] if fail_on != "never" else ()
    if any(counts[word] for word in severe):
        ctx.exit(1)


@click.command("identity")
@takes_sources
@click.option(
    "-o", "--output", "out", metavar="FILE", help="Write the links to this file (Turtle)."
)
@click.option(
    "--review", metavar="FILE.csv", help="Write what is to be confirmed to this file, as a table."
)
@click.option(
    "--confirmed",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="Read what a person decided: such a table with the column decision filled in.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.75,
    show_default=True,
    help="How alike names must be.",
)
@takes_limits
def identity_command(
    sources: tuple[str, ...],
    out: str | None,
    review: str | None,
    confirmed: Path | None,
    least: float,
    limits: Limits,
) -> None:
    """Find organisations that several sources describe, by code and then by name.

    Each SOURCE counts as one register; a single one is compared with itself. What is found is a
    claim with its confidence: only what a person has confirmed says that two are one.
    """
    from holdfast import terminal
    from holdfast.identity import correspondences, links_turtle, read_decisions, review_list

    decisions = read_decisions(confirmed) if confirmed else {}
    with terminal.waiting("Comparing") as progress:
        found = correspondences(
            sources, least=least, decisions=decisions, limits=limits, progress=progress
        )
    if out is None and review is None:
        rows = [
            (f"{one.confidence:.2f}", one.method, one.one.name, one.other.name, one.why)
            for one in found
        ]
        heads = ("confidence", "method", "one", "other", "why")
        terminal.show_table(terminal.page(), heads, [[clean(c) for c in row] for row in rows])
    if out is not None:
        deliver(links_turtle(found), out)
    if review is not None:
        deliver(review_list(found), review)
    same = sum(one.decision == "same" for one in found)
    different = sum(one.decision == "different" for one in found)
    click.echo(
        f"{len(found) - same - different:,} to be confirmed, {same:,} confirmed,"
        f" {different:,} said to be different.",
        err=True,
    )
