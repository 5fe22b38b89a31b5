"""The command line: each command reads its words, asks the reasoner and shows the answer."""

from __future__ import annotations

from importlib.metadata import entry_points

import click

from holdfast import __version__
from holdfast.cli.data import ask_command, query_command, synth_command
from holdfast.cli.group import Commands, add_commands
from holdfast.cli.judging import assess_command, compare_command, fails, timeline_command
from holdfast.cli.keeping import COMMANDS as KEEPING
from holdfast.cli.publishing import check_command, identity_command
from holdfast.cli.reasons import explain_command, remedies_command, whatif_command
from holdfast.cli.ruling import rules_group
from holdfast.cli.shapes import infer_command, validate_command
from holdfast.cli.tabling import import_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="holdfast")
def main() -> None:
    """Which partnerships will hold, which will not, and why.

    A SOURCE is a file or folder in any RDF format, also gzipped; `-` is standard input. The exit
    status is 0 when all is well, 1 for findings at or above --fail-on and for rules that fail their
    examples, 2 for input that cannot be used.
    """


for _command in (
    assess_command,
    explain_command,
    remedies_command,
    whatif_command,
    timeline_command,
    compare_command,
    query_command,
    ask_command,
    validate_command,
    infer_command,
    check_command,
    identity_command,
    import_command,
    synth_command,
    *KEEPING,
    rules_group,
):
    main.add_command(_command)
add_commands(main, entry_points(group="holdfast.commands"))

__all__ = ["add_commands", "assess_command", "fails", "main", "rules_group"]
