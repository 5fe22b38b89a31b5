"""The command that makes registers of tables: import."""

from __future__ import annotations

from pathlib import Path

import click

from holdfast.cli.judging import FEW
from holdfast.errors import clean


@click.command("import")
@click.argument("mapping", required=False)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    default="-",
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write the register: .nq or .trig, each also with .gz; - is standard output.",
)
@click.option("--encoding", metavar="NAME", help="The encoding of the CSV files, as windows-1252.")
@click.option(
    "--register", metavar="IRI", help="The register's address, instead of the mapping's own."
)
@click.option(
    "--template",
    metavar="NAME",
    help="Write the empty tables of this mapping instead: a workbook, or a folder of CSV files.",
)
def import_command(
    mapping: str | None,
    sources: tuple[str, ...],
    output: Path,
    encoding: str | None,
    register: str | None,
    template: str | None,
) -> None:
    """Make a register of tables, as MAPPING says.

    MAPPING is a shipped mapping or a folder of your own. SOURCE is a folder, a CSV, Excel or JSON
    file, a SQLite file or a database's address; TABLE=SOURCE says which table it is. Tables with a
    fault are told of, row by row, and nothing is written.
    """
    if template:
        if mapping:
            raise click.UsageError("Give a MAPPING or --template NAME, not both.")
        if str(output) == "-":
            raise click.UsageError("Say where the template goes: -o FILE.xlsx or -o FOLDER.")
        from holdfast.tables.package import read_mapping
        from holdfast.tables.template import write_template

        for file in write_template(read_mapping(template), output):
            click.echo(str(file))
        return
    if not mapping or not sources:
        raise click.UsageError("Give a MAPPING and the SOURCEs with its tables.")
    from holdfast import terminal
    from holdfast.tables.importing import import_register
    from holdfast.tables.package import read_mapping

    with terminal.waiting("Reading") as progress:
        made = import_register(
            read_mapping(mapping),
            sources,
            None if str(output) == "-" else output,
            encoding=encoding,
            register=register,
            progress=progress,
        )
    for doubt in made.doubts[:FEW]:
        click.echo(clean(str(doubt)), err=True)
    if len(made.doubts) > FEW:
        click.echo(f"And {len(made.doubts) - FEW:,} more doubts like these.", err=True)
    seconds = ", ".join(f"{step} {took:.1f} s" for step, took in made.seconds.items())
    click.echo(
        f"{made.quads:,} quads from {made.rows:,} rows in {made.tables} tables ({seconds}).",
        err=True,
    )
