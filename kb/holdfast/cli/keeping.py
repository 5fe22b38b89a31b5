"""Commands that keep registers: load, drop, dump, log, registers, backup, restore, rebuild."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click
import pyoxigraph as ox

from holdfast.errors import HoldfastError, SourceError, StoreError, UnknownNameError, clean
from holdfast.sources import files_in, quads_in

if TYPE_CHECKING:
    from holdfast.store import Sent, Store, Version

FORMATS = {
    "turtle": "text/turtle",
    "trig": "application/trig",
    "ntriples": "application/n-triples",
    "nquads": "application/n-quads",
    "xml": "application/rdf+xml",
    "jsonld": "application/ld+json",
}

takes_store = click.option("--kb", required=True, metavar="DIR|URL", help="The store.")
takes_note = click.option("--note", default="", help="A word on why, kept in the log.")


@click.command("load")
@takes_store
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--register", metavar="IRI", help="Which register it is; for a single file.")
@takes_note
@click.option("--author", default="", help="Who changes it, kept in the log.")
@click.option("--keep-going", is_flag=True, help="Leave out files that cannot be read, and say so.")
@click.option("--check", "checked", is_flag=True, help="Refuse what must not be published.")
def load_command(
    kb: str,
    sources: tuple[str, ...],
    register: str | None,
    note: str,
    author: str,
    keep_going: bool,
    checked: bool,
) -> None:
    """Put the files of SOURCE... into a store, each as a register; the store is made if need be.

    A register that is there already gets a new version. All files are put with one commit, or none.
    Without --register a file is the hf:Register that it describes, or else named for itself.
    """
    from holdfast import terminal
    from holdfast.publication import publishable
    from holdfast.store import is_remote

    files, refused = files_in(sources, keep_going=keep_going)
    for error in refused:
        click.echo(clean(str(error)), err=True)
    if register is not None and len(files) > 1:
        raise click.UsageError("--register names one register, and there are several files.")
    if is_remote(kb):
        _load_remote(kb, files, register)
        return
    with _opened(kb, create=True) as store, terminal.waiting("Loading") as progress:
        sent = []
        for place, file in enumerate(files):
            progress("Reading", place, len(files))
            try:
                one = _sent(file, store, register)
                if keep_going and isinstance(one.content, Path):
                    for _ in quads_in(one.content):
                        pass  # whether it can be read to its end is known at its end
                sent.append(one)
            except SourceError as error:
                if not keep_going:
                    raise
                click.echo(clean(str(error)), err=True)
        if not sent:
            raise StoreError("there is nothing to load.", where=kb)
        progress("Loading", 0, 0)
        with _told_by_file(sent):
            commit = store.put_all(
                sent, note=note, author=author, check=publishable if checked else None
            )
    for version in commit.versions:
        click.echo(
            clean(
                f"{version.register}: version {version.number}, {version.quads:,} quads"
                f" (commit {commit.number})."
            )
        )


@contextmanager
def _told_by_file(sent: Sequence[Sent]) -> Iterator[None]:
    """Errors that name a register say in which file it is sent."""
    files: dict[str, list[str]] = {}
    for one in sent:
        if isinstance(one.content, Path):
            files.setdefault(f"register <{one.register}>", []).append(str(one.content))
    try:
        yield
    except HoldfastError as error:
        for register, named in files.items():
            listed = " and ".join(named)
            error.where = error.where.replace(register, listed)
            if len(named) > 1 and register in error.what:
                error.where = listed
        error.args = (str(error),)
        raise


def _sent(file: Path, store: Store, register: str | None) -> Sent:
    from holdfast.store import MEDIA_TYPES, Sent
    from holdfast.store.sending import REGISTERS, sent_from

    iri = _iri_of(register, store) if register else None
    if str(file) == "-":
        return Sent(iri or REGISTERS + "input", sys.stdin.buffer.read(), MEDIA_TYPES[".trig"])
    return sent_from(file, iri)


def _iri_of(name: str, store: Store) -> str:
    """A register's IRI from what a user writes: the IRI, or its last part."""
    from holdfast.store.sending import REGISTERS

    if ":" in name:
        return name
    for version in store.registers():
        if version.register.rstrip("/#").rsplit("/", 1)[-1] == name:
            return version.register
    return REGISTERS + name


def _load_remote(kb: str, files: list[Path], register: str | None) -> None:
    from holdfast import terminal
    from holdfast.store import RemoteStore
    from holdfast.store.sending import REGISTERS, register_of

    remote = RemoteStore(kb)
    with terminal.waiting("Sending") as progress:
        progress("Sending", 0, 0)

        def lines() -> Iterator[bytes]:
            for file in files:
                read = REGISTERS + "input" if str(file) == "-" else register_of(file)
                iri = register or read
                iri = iri if ":" in iri else REGISTERS + iri
                for quad in quads_in(file, base=iri):
                    graph = quad.graph_name
                    if isinstance(graph, ox.DefaultGraph):
                        graph = ox.NamedNode(iri)
                    quad = ox.Quad(quad.subject, quad.predicate, quad.object, graph)
                    yield cast(bytes, ox.serialize([quad], format=ox.RdfFormat.N_QUADS))

        sent, there = remote.put(set(lines()))
    click.echo(f"{sent:,} quads sent to {kb}, which now holds {there:,} in these graphs.")


@click.command("drop")
@takes_store
@click.argument("register", metavar="REGISTER")
@takes_note
@click.option("--author", default="", help="Who changes it, kept in the log.")
def drop_command(kb: str, register: str, note: str, author: str) -> None:
    """Take a register out of a store. Its versions stay in the record, and can be dumped."""
    from holdfast.store import RemoteStore, is_remote

    if is_remote(kb):
        RemoteStore(kb).drop(register)
        click.echo(f"{register} dropped.")
        return
    with _opened(kb) as store:
        commit = store.drop(_iri_of(register, store), note=note, author=author)
    click.echo(f"{commit.versions[0].register} dropped (commit {commit.number}).")


@click.command("registers")
@takes_store
def registers_command(kb: str) -> None:
    """List the registers of a store with their versions and sizes."""
    from holdfast.store import RemoteStore, is_remote

    if is_remote(kb):
        for register, count in RemoteStore(kb).registers().items():
            click.echo(clean(f"{register}  {count:,} quads"))
        return
    with _opened(kb, write=False) as store:
        for version in store.registers():
            click.echo(
                clean(
                    f"{version.register}  version {version.number}, {version.quads:,} quads,"
                    f" {version.time}"
                )
            )


@click.command("log")
@takes_store
@click.option("--since", type=click.IntRange(0), default=0, help="Only commits after this number.")
def log_command(kb: str, since: int) -> None:
    """Tell what was committed to a store, oldest first: number, time, what, and why."""
    with _opened(kb, write=False) as store:
        for commit in store.changes(since):
            what = ", ".join(
                f"{version.register} ({'gone' if version.dropped else f'version {version.number}'})"
                for version in commit.versions
            )
            why = "".join(f"  {part}" for part in (commit.author, commit.note) if part)
            click.echo(clean(f"{commit.number}  {commit.time}  {commit.kind}  {what}{why}"))


@click.command("dump")
@takes_store
@click.option("--register", metavar="IRI", help="Only this register, as it was sent.")
@click.option("--version", "number", type=int, metavar="N", help="An earlier version of it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="Write it in this format. [default: as it was sent; all registers: nquads]",
)
@click.option(
    "-o", "--output", "out", default="-", metavar="FILE", help="Where; else standard output."
)
def dump_command(
    kb: str, register: str | None, number: int | None, form: str | None, out: str
) -> None:
    """Write a register as it was sent, an earlier version of it, or all registers."""
    if number is not None and register is None:
        raise click.UsageError("--version needs --register: a version of which?")
    from holdfast.store import RemoteStore, is_remote

    if is_remote(kb):
        remote = RemoteStore(kb)
        names = [register] if register else list(remote.registers())
        quads = chain.from_iterable(remote.quads(name) for name in names)
        with _output(out) as stream:
            ox.serialize(quads, stream, format=_format(form))
        return
    with _opened(kb, write=False) as store:
        if register is None:
            versions = store.registers()
        else:
            versions = [_version(store, register, number)]
            if form is None:
                data, _ = store.read(versions[0])
                with _output(out) as stream:
                    stream.write(data)
                return
        quads = chain.from_iterable(
            store.quads(version.register, version.number) for version in versions
        )
        with _output(out) as stream:
            chosen = _format(form)
            written = quads if chosen.supports_datasets else list(_triples(quads, versions))
            ox.serialize(written, stream, format=chosen)


def _version(store: Store, register: str, number: int | None) -> Version:
    version = store.version(_iri_of(register, store), number)
    if version.dropped:
        raise UnknownNameError(
            f"with version {version.number} the register was dropped.",
            mend=f"Version {version.number - 1} is what it was.",
        )
    return version


def _triples(quads: Iterable[ox.Quad], versions: list[Version]) -> Iterator[ox.Triple]:
    own = {version.register for version in versions}
    for quad in quads:
        graph = quad.graph_name
        if len(own) > 1 or not (isinstance(graph, ox.DefaultGraph) or graph.value in own):
            raise StoreError(
                "there are several graphs, and this format holds triples of one only.",
                mend="Write it as trig, nquads or jsonld, or one register with --register.",
            )
        yield quad.triple


def _format(form: str | None) -> ox.RdfFormat:
    found = ox.RdfFormat.from_media_type(FORMATS[form or "nquads"])
    assert found is not None
    return found


@contextmanager
def _output(out: str) -> Iterator[IO[bytes]]:
    """Where to write; a file that is not written to its end is not there."""
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise StoreError(f"it cannot be written: {error.strerror or error}.", where=out) from None
    finally:
        part.unlink(missing_ok=True)


@click.command("backup")
@click.option("--kb", required=True, metavar="DIR", help="The store.")
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="A folder that is empty or not there yet.",
)  # fmt: skip
def backup_command(kb: str, target: Path) -> None:
    """Copy the record of a store, checked on the way; it may be written meanwhile."""
    from holdfast import terminal
    from holdfast.store import back_up

    with _opened(kb, write=False) as store, terminal.waiting("Copying") as progress:
        last = back_up(store, target, progress)
    click.echo(f"Everything up to commit {last} is in {target}.")


@click.command("restore")
@click.option(
    "--from", "backup", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="The backup.",
)  # fmt: skip
@click.option(
    "--kb", "folder", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="A folder that is empty or not there yet.",
)  # fmt: skip
def restore_command(backup: Path, folder: Path) -> None:
    """Make a store from a backup. Nothing is overwritten."""
    from holdfast import terminal
    from holdfast.store import restore

    with terminal.waiting("Restoring") as progress, restore(backup, folder, progress) as store:
        click.echo(f"{folder} holds everything up to commit {store.last}.")


@click.command("rebuild")
@click.option("--kb", required=True, metavar="DIR", help="The store.")
@click.pass_context
def rebuild_command(ctx: click.Context, kb: str) -> None:
    """Check all that a store has kept against its checksums, and make its index anew.

    The exit status is 1 where something kept is damaged; it is named.
    """
    from holdfast import terminal

    with _opened(kb) as store, terminal.waiting("Verifying") as progress:
        faults = store.rebuild(progress)
        registers = store.registers()
        for fault in faults:
            click.echo(clean(fault), err=True)
        quads = sum(version.quads for version in registers)
        click.echo(
            f"The index was made anew at commit {store.last}:"
            f" {len(registers):,} registers, {quads:,} quads."
        )
    if faults:
        ctx.exit(1)


@contextmanager
def _opened(kb: str, *, create: bool = False, write: bool = True) -> Iterator[Store]:
    """A store; what had to be mended is said, also where the command fails."""
    from holdfast import terminal
    from holdfast.store import Store, is_remote

    if is_remote(kb):
        raise StoreError(
            "this is about the record, and an endpoint shows only what is there now.",
            where=kb,
            mend="Name the folder of a store.",
        )
    with terminal.waiting("Opening") as progress:
        store = Store.open(kb, create=create, write=write, progress=progress)
    with store:
        try:
            yield store
        finally:
            for sentence in store.said:
                click.echo(clean(sentence), err=True)


COMMANDS = (
    load_command,
    drop_command,
    registers_command,
    log_command,
    dump_command,
    backup_command,
    restore_command,
    rebuild_command,
)
