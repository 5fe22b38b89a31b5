"""Commands on the rules: list, show, new, test, profile, docs, lint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.cli.files import write
from holdfast.cli.group import Unusable
from holdfast.cli.options import (
    takes_as_of,
    takes_format,
    takes_limits,
    takes_rules,
    takes_sources,
)
from holdfast.errors import RuleError, SourceError
from holdfast.limits import Limits
from holdfast.shipped import shipped_folder

if TYPE_CHECKING:
    from holdfast.ontology import Ontology
    from holdfast.rules import Rule


@click.group("rules")
def rules_group() -> None:
    """List, show, test and document the rules."""


@rules_group.command("list")
@takes_rules
def list_rules(folder: Path | None) -> None:
    """List the rules with what they do to which basis."""
    from holdfast import render, terminal
    from holdfast.memory import usual_memory
    from holdfast.ontology import read_ontology
    from holdfast.rules import read_rules

    with usual_memory() as memory:
        rules = read_rules(read_ontology(), folder, memory)
    render.show_rules(terminal.page(), rules)


@rules_group.command("show")
@click.argument("name", metavar="ID")
@takes_rules
def show_rule(name: str, folder: Path | None) -> None:
    """Show all that one rule says of itself. ID may be its number in the paper, such as P64."""
    from holdfast import render, terminal
    from holdfast.memory import usual_memory
    from holdfast.ontology import read_ontology
    from holdfast.rules import read_rules, rules_named

    console = terminal.page()
    with usual_memory() as memory:
        rules = read_rules(read_ontology(), folder, memory)
    for place, rule in enumerate(rules_named(name, rules)):
        if place:
            console.print()
        render.show_rule(console, rule)


@rules_group.command("new")
@click.argument("name", metavar="ID")
@click.option("--infers", is_flag=True, help="A rule that adds facts, and judges nothing.")
@click.option(
    "--rules",
    "folder",
    default=Path("rules"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of rules in which to make its own.",
)
def new_rule(name: str, infers: bool, folder: Path) -> None:
    """Make the folder of a new rule ID, with examples: one that works, to be made into yours."""
    from datetime import date

    from holdfast.newrule import make_rule

    shipped = [entry.name for entry in rule_folders(None)]
    for file in make_rule(name, folder, infers=infers, day=date.today(), taken=shipped):
        click.echo(file)
    click.echo(
        f"It does what its examples say: `holdfast rules test {name} --rules {folder}`."
        " Write yours in its place, a file at a time."
    )


@rules_group.command("test")
@click.argument("names", nargs=-1, metavar="[ID]...")
@takes_rules
@click.pass_context
def test_rules(ctx: click.Context, names: tuple[str, ...], folder: Path | None) -> None:
    """Hold rules against their own examples: all of them, or those named.

    ID may be a number in the paper, such as P64: then all rules that carry it are tested. For a
    rule that is named, what tells its two examples apart is shown as well. The exit status is 1
    where a rule does not do what its examples say.
    """
    from holdfast import terminal
    from holdfast.ontology import read_ontology
    from holdfast.ruletest import test_rule

    ontology = read_ontology()
    folders = {entry.name: entry for entry in rule_folders(folder)}
    chosen = list(dict.fromkeys(_folders_of(names, folders, ontology))) or list(folders)
    tests = []
    with terminal.waiting("Testing rules") as progress:
        for place, name in enumerate(chosen, start=1):
            tests.append(test_rule(folders[name], ontology))
            progress("Testing rules", place, len(chosen))
    for test in tests:
        if test.problems or names:
            click.echo(f"{test.rule}: {'fails' if test.problems else 'does what its examples say'}")
        for problem in test.problems:
            click.echo(f"  {problem}")
        if names and test.difference:
            click.echo(f"\n{test.difference.strip()}\n")
    failed = sum(bool(test.problems) for test in tests)
    said = f"{len(tests)} {'rule' if len(tests) == 1 else 'rules'} tested"
    click.echo(f"{said}, {failed} failed." if failed else f"{said}, all well.")
    if failed:
        ctx.exit(1)


@rules_group.command("profile")
@takes_sources
@takes_as_of
@takes_rules
@click.option("--explain-plan", "name", metavar="ID", help="Show how one rule is run instead.")
@takes_format("table", "json")
@takes_limits
def profile_rules(
    sources: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    name: str | None,
    form: str,
    limits: Limits,
) -> None:
    """Say what each rule and each stratum costs over SOURCE..., the dearest first.

    With --explain-plan, print a rule's algebra, its SQL, and how the database goes about it.
    """
    from holdfast import render, terminal
    from holdfast.profile import plan_of, profile

    profiled = profile(sources, as_of=as_of, rules=folder, limits=limits)
    if name is not None:
        write(plan_of(profiled, name))
    elif form == "json":
        write(render.profile_json(profiled))
    else:
        render.show_profile(terminal.page(), profiled)


@rules_group.command("docs")
@click.option(
    "-o",
    "out",
    default=Path("."),
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder to write below; by default this one.",
)
@takes_rules
def write_rule_docs(out: Path, folder: Path | None) -> None:
    """Write a page for each rule to docs/rules, made from its folder, and the indexes of rules."""
    from holdfast.ruledocs import write_docs

    try:
        pages = write_docs(out, rules=folder)
    except OSError as error:
        raise SourceError(
            f"the pages cannot be written: {error.strerror or error}.", where=str(out)
        ) from None
    click.echo(f"{len(pages)} pages written below {out}.")


@rules_group.command("lint")
@takes_rules
def lint_rules(folder: Path | None) -> None:
    """Read and compile every rule and put them in order, without running any.

    Every rule that cannot be read is named, not only the first.
    """
    from holdfast.columns import Columns
    from holdfast.ontology import read_ontology
    from holdfast.reason import compile_all
    from holdfast.rules import read_rule

    ontology = read_ontology()
    found: list[Rule] = []
    errors: list[RuleError] = []
    for entry in rule_folders(folder):
        try:
            rule = read_rule(entry, ontology)
        except RuleError as error:
            errors.append(error)
        else:
            found += [rule] if rule else []
    if errors:
        raise Unusable("\n".join(str(error) for error in errors))
    columns = Columns()
    columns.load([], background=ontology.files)
    columns.build("SELECT s, p, o, 0 AS c, 0 AS r FROM quads")
    strata = compile_all(found, ontology, columns.superclasses)
    click.echo(f"{len(found)} rules in {len(strata)} strata.")


def _folders_of(
    names: Sequence[str], folders: Mapping[str, Path], ontology: Ontology
) -> Iterator[str]:
    """The folders of the rules that are named by folder, by IRI or by number in the paper.

    A rule that is named by its folder need not be readable. Raises UnknownNameError.
    """
    from holdfast.rules import read_rule, rules_named

    rules: list[Rule] = []
    if any(name not in folders for name in names):
        for entry in folders.values():
            with suppress(RuleError):  # said where the rule itself is tested
                rules += [rule] if (rule := read_rule(entry, ontology)) else []
    for name in names:
        if name in folders:
            yield name
        else:
            yield from (rule.id for rule in rules_named(name, rules))


def rule_folders(folder: Path | None) -> list[Path]:
    """The folders of rules in a folder, by default the shipped one; a rule folder is its own.

    Raises RuleError where there is none.
    """
    folder = folder or shipped_folder("rules")
    if (folder / "rule.ttl").is_file():
        return [folder]
    if not folder.is_dir():
        raise RuleError("there is no such folder of rules.", where=str(folder))
    found = sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise RuleError(
            "there is no rule here.", where=str(folder), mend="A rule is a folder with a rule.ttl."
        )
    return found
