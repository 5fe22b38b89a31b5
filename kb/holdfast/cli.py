"""The command line: each command reads its words, asks the reasoner and shows the answer."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import click

from holdfast import __version__, render
from holdfast.answers import FORMATS, answer, plan_of_query, serialised
from holdfast.assess import SEVERITIES, Assessment, VentureAssessment, assess
from holdfast.columns import Columns, Limits, project
from holdfast.compare import compare
from holdfast.errors import HoldfastError, RuleError, SourceError, UnknownNameError
from holdfast.explain import advice_for, explain, why_not
from holdfast.ontology import read_ontology
from holdfast.queries import Operation
from holdfast.reason import compile_all
from holdfast.remedies import remedies
from holdfast.ruledocs import write_docs
from holdfast.rules import Rule, read_rule, read_rules
from holdfast.ruletest import test_rule
from holdfast.shipped import shipped_folder
from holdfast.synth import write_register
from holdfast.timeline import timeline
from holdfast.validate import INFERENCES, check_shapes, validate
from holdfast.vocabulary import BASES, SH, nearest
from holdfast.whatif import Change, operations_in, quads_in_turtle, what_if

FEW = 5
"""Up to so many ventures are shown in full, more as a landscape."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Unusable(click.ClickException):
    """Input that cannot be used, printed without a traceback; leaves exit status 2."""

    exit_code = 2


class Commands(click.Group):
    """Commands that tell every HoldfastError in a sentence or two."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command asked for."""
        try:
            return super().invoke(ctx)
        except HoldfastError as error:
            raise Unusable(render.clean(str(error))) from None


def takes_sources(command: Decorated) -> Decorated:
    """Let a command take one source or more."""
    return click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")(command)


def takes_as_of(command: Decorated) -> Decorated:
    """Let a command look at an earlier or later time."""
    return click.option(
        "--as-of",
        metavar="DATE|PHASE",
        help="Judge as things stood then: YYYY, YYYY-MM, YYYY-MM-DD or a phase.",
    )(command)


def takes_rules(command: Decorated) -> Decorated:
    """Let a command read rules from another folder."""
    return click.option(
        "--rules",
        "folder",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Use the rules of this folder instead of the shipped ones.",
    )(command)


def takes_limits(command: Decorated) -> Decorated:
    """Let a command be told how much of the machine it may use."""

    @wraps(command)
    def limited(
        *words: Any,
        memory_limit: str | None,
        threads: int | None,
        temp_dir: Path | None,
        **options: Any,
    ) -> Any:
        return command(*words, limits=Limits(memory_limit, threads, temp_dir), **options)

    for option in (
        click.option(
            "--temp-dir",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Where to put what does not fit in memory. [default: the system's own]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1),
            envvar="HOLDFAST_THREADS",
            help="How many threads may work at once. [default: one for each core]",
        ),
        click.option(
            "--memory-limit",
            metavar="SIZE",
            envvar="HOLDFAST_MEMORY",
            help="Memory for the columns, as 2GB; beyond it they go to disk. [default: 80%]",
        ),
    ):
        limited = option(limited)
    return cast(Decorated, limited)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="holdfast")
def main() -> None:
    """Which partnerships will hold, which will not, and why.

    A SOURCE is a file or folder in any RDF format, also gzipped; `-` is standard input. The exit
    status is 0 when all is well, 1 for findings at or above --fail-on and for rules that fail their
    examples, 2 for input that cannot be used.
    """


@main.command("assess")
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "turtle", "csv"]),
    default="table",
    show_default=True,
    help="How to write the answer.",
)
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
    assessment = _assessed(
        sources, as_of, folder, evidence=form != "table", keep_going=keep_going, limits=limits
    )
    ventures = [assessment.venture(name) for name in dict.fromkeys(wanted)] or assessment.ventures
    if form == "table":
        _show_assessment(assessment, ventures, _same(sources, as_of, folder))
    else:
        _write(
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


def _assessed(
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
    with render.waiting("Reading") as progress:
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
        click.echo(render.clean(doubt), err=True)
    return assessment


def _same(sources: Sequence[str], as_of: str | None, folder: Path | None) -> list[str]:
    """The words that make another command read the same as this one."""
    words = list(sources)
    if as_of is not None:
        words += ["--as-of", as_of]
    if folder is not None:
        words += ["--rules", str(folder)]
    return words


def _show_assessment(
    assessment: Assessment, ventures: Sequence[VentureAssessment], same: Sequence[str]
) -> None:
    console = render.page()
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


def _write(text: str) -> None:
    """Put text on standard output as UTF-8, whatever the terminal speaks."""
    click.echo(text.encode("utf-8"), nl=False)


@main.command("explain")
@takes_sources
@click.option(
    "--venture", required=True, metavar="IRI", help="The venture, or its IRI's last part."
)
@click.option("--basis", type=click.Choice(BASES), help="Only the findings on this basis.")
@click.option("--rule", metavar="ID", help="Only the findings of this rule.")
@takes_as_of
@takes_rules
@click.option("--not", "silent", is_flag=True, help="Why the rule of --rule does not fire.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write the answer.",
)
def explain_command(
    sources: tuple[str, ...],
    venture: str,
    basis: str | None,
    rule: str | None,
    as_of: str | None,
    folder: Path | None,
    silent: bool,
    form: str,
) -> None:
    """Show why the findings on a venture hold, down to the stated facts.

    With --not, show which pattern of a rule fails for the venture, and how near it came.
    """
    if basis and rule:
        raise click.UsageError("Give --basis or --rule, not both.")
    if silent and not rule:
        raise click.UsageError("--not needs --rule: which rule is silent?")
    assessment = _assessed(sources, as_of, folder, evidence=False)
    judged = assessment.venture(venture)
    console = render.page()
    if silent and rule:
        answer = why_not(assessment, judged.iri, rule)
        if form == "json":
            _write(render.why_not_json(judged, answer, as_of))
        else:
            render.show_why_not(console, assessment, judged, answer)
        return
    found = explain(assessment, judged.iri, basis=basis, rule=rule)
    if form == "json":
        _write(render.explanations_json(judged, found, as_of))
    else:
        render.show_explanations(console, assessment, judged, found, basis or rule or "")


@main.command("remedies")
@takes_sources
@takes_as_of
@takes_rules
@click.option(
    "--venture",
    required=True,
    metavar="IRI",
    help="The venture to be helped. The last part of its IRI will do.",
)
@click.option("--basis", type=click.Choice(BASES), help="Only what helps on this basis.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "turtle"]),
    default="table",
    show_default=True,
    help="How to write the answer.",
)
def remedies_command(
    sources: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    venture: str,
    basis: str | None,
    form: str,
) -> None:
    """Say what would help a venture: the changes its risks suggest, each tried.

    Each change shows which risks it clears, which it brings to any venture, which standings move,
    and what would have to be so. Changes are to purpose, capacity, fit and conduct only.
    """
    assessment = _assessed(sources, as_of, folder, evidence=False, editable=True)
    with render.waiting("Trying") as progress:
        answer = remedies(assessment, venture, basis=basis, progress=progress)
    if form == "table":
        render.show_remedies(render.page(), assessment, answer)
    elif form == "json":
        _write(render.remedies_json(assessment, answer, as_of))
    else:
        _write(render.remedies_turtle(assessment, answer))


@main.command("whatif")
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to write the answer.",
)
def whatif_command(
    sources: tuple[str, ...],
    file: Path | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    as_of: str | None,
    folder: Path | None,
    form: str,
) -> None:
    """Say what would be found otherwise if SOURCE... were changed. Nothing is changed by asking.

    The change is made, what follows from it is found, and all is undone. A triple that is removed
    is removed from every graph that states it.
    """
    if not (file or added or removed):
        raise click.UsageError(
            "Say what changes: --change FILE.ru, --add TRIPLE or --remove TRIPLE."
        )
    steps: list[Operation | Change] = []
    if file is not None:
        steps += operations_in(_text_of(file), where=str(file))
    more = tuple(quad for text in added for quad in quads_in_turtle(text, where="--add"))
    less = tuple(quad for text in removed for quad in quads_in_turtle(text, where="--remove"))
    if more or less:
        steps.append(Change(more, less))
    assessment = _assessed(sources, as_of, folder, evidence=False, editable=True)
    outcome = what_if(assessment, steps)
    if form == "table":
        render.show_outcome(render.page(), assessment, outcome)
    else:
        _write(render.outcome_json(assessment, outcome, as_of))


def _text_of(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read().decode("utf-8")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SourceError(f"the file cannot be read: {reason}.", where=str(file)) from None


@main.command("timeline")
@takes_sources
@click.option(
    "--venture", required=True, metavar="IRI", help="The venture, or its IRI's last part."
)
@takes_rules
def timeline_command(sources: tuple[str, ...], venture: str, folder: Path | None) -> None:
    """Show a venture's standings through its phases, and what changed between them.

    A venture without phases is shown through the years in which something of it begins or ends.
    """
    with render.waiting("Reading") as progress:
        line = timeline(sources, venture, rules=folder, progress=progress)
    render.show_timeline(render.page(), line)


@main.command("compare")
@takes_sources
@click.argument("first", metavar="IRI")
@click.argument("second", metavar="IRI")
@takes_as_of
@takes_rules
def compare_command(
    sources: tuple[str, ...], first: str, second: str, as_of: str | None, folder: Path | None
) -> None:
    """Show two ventures of SOURCE... side by side, and the findings in which they differ.

    The last two words are the ventures, each an IRI or its last part.
    """
    assessment = _assessed(sources, as_of, folder, evidence=False)
    render.show_comparison(render.page(), assessment, compare(assessment, first, second))


@main.command("validate")
@click.argument("sources", nargs=-1, required=True, metavar="DATA... [SHAPES]")
@click.option(
    "-s",
    "--shapes",
    "--shacl",
    "given",
    multiple=True,
    metavar="SHAPES",
    help="The shapes; then all that is named without -s is data.",
)
@click.option(
    "-e",
    "--ont-graph",
    "ontology",
    multiple=True,
    metavar="SOURCE",
    help="An ontology that takes part in the data.",
)
@click.option(
    "-i",
    "--inference",
    type=click.Choice(INFERENCES),
    default="none",
    show_default=True,
    help="What is inferred from the data before they are validated.",
)
@click.option(
    "-m",
    "--metashacl",
    is_flag=True,
    help="First hold the shapes against the shapes of SHACL itself.",
)
@click.option(
    "-im",
    "--imports",
    is_flag=True,
    help="Read what owl:imports names, if it is a file: of this machine.",
)
@click.option("-a", "--advanced", is_flag=True, help="Query targets and rules (SHACL-AF).")
@click.option(
    "-it", "--iterate-rules", "iterate", is_flag=True, help="Run rules until they add nothing."
)
@click.option("--abort", is_flag=True, help="Stop at the first result.")
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
@click.option("--focus", multiple=True, metavar="IRI", help="Only this node; may be given again.")
@click.option("--shape", "only", multiple=True, metavar="IRI", help="Only this shape; likewise.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", "human", "turtle", "json", "sarif", "nt", "xml", "json-ld"]),
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
@click.pass_context
def validate_command(
    ctx: click.Context,
    sources: tuple[str, ...],
    given: tuple[str, ...],
    ontology: tuple[str, ...],
    inference: str,
    metashacl: bool,
    imports: bool,
    advanced: bool,
    iterate: bool,
    abort: bool,
    warnings: bool,
    infos: bool,
    focus: tuple[str, ...],
    only: tuple[str, ...],
    form: str,
    out: str | None,
    inferred: str | None,
) -> None:
    """Hold DATA against SHAPES (W3C SHACL) and print the validation report.

    Without -s the last word names the shapes, and a single word both. The exit status is 0 when the
    data conform, 1 when they do not, 2 when data or shapes cannot be used.
    """
    data, shapes = (sources, given) if given or len(sources) == 1 else (sources[:-1], sources[-1:])
    allow = [SH + "Info"] if infos or warnings else []
    allow += [SH + "Warning"] if warnings else []
    if metashacl:
        check_shapes(shapes or data)
    report = validate(
        data,
        shapes,
        ontology=ontology,
        inference=inference,
        imports=imports,
        advanced=advanced,
        iterate=iterate,
        abort=abort,
        allow=allow,
        focus=[iri for part in focus for iri in part.split(",")],
        only=[iri for part in only for iri in part.split(",")],
    )
    if form in ("table", "human") and out is None:
        render.show_report(render.page(), report)
    else:
        _deliver(render.report_text(report, form, __version__), out)
    if inferred is not None:
        _deliver(render.inferred_turtle(report), inferred)
    if not report.conforms:
        ctx.exit(1)


def _deliver(text: str, out: str | None) -> None:
    """Put text into a file, or on standard output."""
    if out is None or out == "-":
        _write(text)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SourceError(
            f"the report cannot be written: {error.strerror or error}.", where=out
        ) from None


@main.command("synth")
@click.option("--ventures", required=True, type=click.IntRange(1), help="How many ventures.")
@click.option(
    "--seed", default=1, show_default=True, type=int, help="The same seed, the same file."
)
@click.option(
    "-o", "out", required=True, metavar="FILE", help="Where to write it; - is standard output."
)
def synth_command(ventures: int, seed: int, out: str) -> None:
    """Write a made-up register, with risks planted in it, for trials."""
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


@main.group("rules")
def rules_group() -> None:
    """List, show, test and document the rules."""


@rules_group.command("list")
@takes_rules
def list_rules(folder: Path | None) -> None:
    """List the rules with what they do to which basis."""
    render.show_rules(render.page(), read_rules(read_ontology(), folder))


@rules_group.command("show")
@click.argument("name", metavar="ID")
@takes_rules
def show_rule(name: str, folder: Path | None) -> None:
    """Show all that one rule says of itself. ID may be its number in the paper, such as P64."""
    console = render.page()
    for place, rule in enumerate(_named(name, read_rules(read_ontology(), folder))):
        if place:
            console.print()
        render.show_rule(console, rule)


def _named(name: str, rules: Sequence[Rule]) -> list[Rule]:
    """The rule of that id, or the rules of that number in the paper. Raises UnknownNameError."""
    found = [rule for rule in rules if name in (rule.id, rule.iri)]
    found = found or [rule for rule in rules if name in rule.notations]
    if not found:
        raise _unknown_rule(name, [rule.id for rule in rules])
    return found


def _unknown_rule(name: str, known: Iterable[str]) -> UnknownNameError:
    hint = f"{nearest(name, known)} `holdfast rules list` shows all.".strip()
    return UnknownNameError(f"there is no rule {name}.", mend=hint)


@rules_group.command("test")
@click.argument("names", nargs=-1, metavar="[ID]...")
@takes_rules
@click.pass_context
def test_rules(ctx: click.Context, names: tuple[str, ...], folder: Path | None) -> None:
    """Hold rules against their own examples: all of them, or those named.

    For a rule that is named, what tells its two examples apart is shown as well. The exit status is
    1 where a rule does not do what its examples say.
    """
    ontology = read_ontology()
    folders = {entry.name: entry for entry in rule_folders(folder)}
    for name in names:
        if name not in folders:
            raise _unknown_rule(name, folders)
    chosen = list(dict.fromkeys(names)) or list(folders)
    tests = []
    with render.waiting("Testing rules") as progress:
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


@main.command("query")
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
@click.option("--seconds", type=float, metavar="N", help="Give up after so long.")
@click.option("--rows", type=int, metavar="N", help="Give up at more solutions than this.")
@click.option("--explain-plan", is_flag=True, help="Print the SQL and DuckDB's plan instead.")
def query_command(
    sources: tuple[str, ...],
    query: str,
    as_of: str | None,
    folder: Path | None,
    form: str,
    inferred: bool,
    seconds: float | None,
    rows: int | None,
    explain_plan: bool,
) -> None:
    """Ask the sources a SPARQL 1.1 query: QUERY is its text, or a file with it (.rq).

    The default graph is the union of all graphs.
    """
    text = query
    if query.endswith((".rq", ".sparql")) or not any(sign in query for sign in "{<:"):
        try:
            text = Path(query).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise Unusable(f"{query}: there is no such query file, nor is it a query.") from None
    if inferred:
        columns = assess(sources, as_of=as_of, rules=folder, evidence=False).columns
    else:
        columns = Columns()
        if as_of:
            ontology = read_ontology()
            columns.load(sources, background=ontology.files)
            project(columns, as_of, date.today())
        else:
            columns.load(sources)
            columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    if explain_plan:
        click.echo(plan_of_query(columns, text))
        return
    found = answer(columns, text, seconds=seconds, rows=rows)
    if form != "table":
        click.echo(serialised(found, form), nl=False)
    elif found.triples is not None:
        click.echo(serialised(found, "turtle"), nl=False)
    elif found.boolean is not None:
        click.echo("yes" if found.boolean else "no")
    else:
        click.echo(render.clean("  ".join(f"?{name}" for name in found.variables)))
        for row in found.solutions or []:
            click.echo(render.clean("  ".join(str(term or "-") for term in row)))


def add_commands(group: click.Group, found: Iterable[EntryPoint]) -> None:
    """Add to a group the commands that other packages offer.

    One that cannot be loaded becomes a command that says so, and the others work. A name that is
    taken stays with whom it belongs to.
    """
    for point in sorted(found, key=lambda point: (point.name, point.value)):
        if point.name in group.commands:
            continue
        try:
            command = point.load()
        except (Exception, SystemExit) as error:
            command = _broken(point, f"{type(error).__name__}: {error}")
        if not isinstance(command, click.Command):
            command = _broken(point, "it is not a command")
        group.add_command(command, point.name)


def _broken(point: EntryPoint, why: str) -> click.Command:
    package = point.dist.name if point.dist else point.value.partition(":")[0]
    sentence = (
        f"holdfast {point.name}: {point.value} of {package} cannot be loaded ({why})."
        f" Install {package} again, or remove it; the other commands work."
    )

    def refuse(words: tuple[str, ...]) -> None:
        raise Unusable(sentence)

    return click.Command(
        point.name,
        callback=refuse,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        help=f"Cannot be loaded. {sentence}",
        short_help="Cannot be loaded.",
    )


add_commands(main, entry_points(group="holdfast.commands"))
