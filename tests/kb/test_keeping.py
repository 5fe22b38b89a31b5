"""The commands that keep registers in a store, and read from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.cli import main

GRAPHS = Path(__file__).parents[2] / "kb" / "graphs"
HARBOUR = """@prefix ex: <https://example.org/> .
ex:harbour a <https://w3id.org/holdfast/ns#Venture> ; ex:members 01 .
"""


def holdfast(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words: object) -> str:
    result = holdfast(*words)
    assert 0 == result.exit_code, result.output
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "harbour.ttl"
    path.write_text(HARBOUR, encoding="utf-8")
    return path


def test_a_register_is_loaded_listed_dumped_and_dropped(tmp_path: Path, file: Path) -> None:
    kb = tmp_path / "kb"
    iri = "https://w3id.org/holdfast/id/register/harbour"

    assert f"{iri}: version 1, 2 quads (commit 1).\n" == done("load", "--kb", kb, file)
    file.write_text(HARBOUR + "ex:harbour ex:seat ex:quay .\n", encoding="utf-8")
    done("load", "--kb", kb, file, "--register", "harbour", "--note", "seat", "--author", "Ann")
    assert f"{iri}  version 2, 3 quads, " in done("registers", "--kb", kb)
    assert HARBOUR == done("dump", "--kb", kb, "--register", "harbour", "--version", 1)
    assert '"01"^^' in done("dump", "--kb", kb, "--register", iri, "--format", "ntriples")
    done("drop", "--kb", kb, "harbour", "--note", "closed")
    assert "" == done("registers", "--kb", kb) == done("dump", "--kb", kb)
    assert ["put", "put", "drop"] == [
        line.split()[2] for line in done("log", "--kb", kb).splitlines()
    ]
    assert done("log", "--kb", kb, "--since", 1).splitlines()[0].endswith("  Ann  seat")


def test_a_file_is_the_register_that_it_describes(tmp_path: Path) -> None:
    copy = tmp_path / "copy.trig"
    copy.write_bytes((GRAPHS / "easington.trig").read_bytes())

    done("load", "--kb", tmp_path / "kb", copy)

    assert "register/easington  " in done("registers", "--kb", tmp_path / "kb")


def test_a_store_is_judged_as_its_files_are(tmp_path: Path) -> None:
    case = GRAPHS / "easington.trig"
    done("load", "--kb", tmp_path / "kb", case)

    kept, plain = (
        json.loads(holdfast("assess", *source, "--as-of", "B4", "--format", "json").output)
        for source in (("--kb", tmp_path / "kb"), (case,))
    )

    assert plain["ventures"] == kept["ventures"]
    assert plain["triples"] == kept["triples"]


def test_commands_take_a_store_beside_other_sources(tmp_path: Path, file: Path) -> None:
    done("load", "--kb", tmp_path / "kb", file)
    more = tmp_path / "more.ttl"
    more.write_text("<https://example.org/a> <https://example.org/members> 5 .", encoding="utf-8")
    query = "SELECT ?s { ?s <https://example.org/members> ?n } ORDER BY ?s"

    found = done("query", "--kb", tmp_path / "kb", more, query, "--format", "csv")

    assert ["s", "https://example.org/a", "https://example.org/harbour"] == found.split()
    assert "Missing argument 'SOURCE...', or --kb." in holdfast("assess").output
    assert (
        "Say what to read before QUERY: SOURCE..., or --kb." in holdfast("query", "ASK {}").output
    )


def test_of_several_files_all_are_loaded_or_none(tmp_path: Path, file: Path) -> None:
    bad = tmp_path / "valley.ttl"
    bad.write_text("<a> <b> .", encoding="utf-8")
    kb = tmp_path / "kb"

    refused = holdfast("load", "--kb", kb, file, bad)

    assert (2, "") == (refused.exit_code, done("registers", "--kb", kb))
    assert "valley" in refused.output
    assert "line 1, column 9" in refused.output


def test_a_file_that_cannot_be_read_is_left_out_when_asked(tmp_path: Path, file: Path) -> None:
    bad = tmp_path / "bay.ttl"
    bad.write_text("@prefix ex: <https://example.org/> .\nex:bay a", encoding="utf-8")

    stopped = holdfast("load", "--kb", tmp_path / "stopped", bad, file)
    going = done("load", "--kb", tmp_path / "going", bad, file, "--keep-going")

    assert f"Error: {bad}: line 2" in stopped.output
    assert f"{bad}: line 2" in going
    assert "register/harbour: version 1, 2 quads (commit 1)." in going


def test_two_files_of_one_register_are_named(tmp_path: Path) -> None:
    files = [tmp_path / "bay.ttl", tmp_path / "bay.nt"]
    for file in files:
        file.write_text("", encoding="utf-8")

    told = holdfast("load", "--kb", tmp_path / "kb", *files).output

    assert f"Error: {files[0]} and {files[1]}: register <" in told


def test_a_backup_is_restored_into_an_empty_folder_only(tmp_path: Path, file: Path) -> None:
    done("load", "--kb", tmp_path / "kb", file)

    done("backup", "--kb", tmp_path / "kb", "--to", tmp_path / "backup")
    done("restore", "--from", tmp_path / "backup", "--kb", tmp_path / "again")

    assert HARBOUR == done("dump", "--kb", tmp_path / "again", "--register", "harbour")
    refused = holdfast("restore", "--from", tmp_path / "backup", "--kb", tmp_path / "kb")
    assert (2, True) == (refused.exit_code, "something is there already" in refused.output)


def test_rebuilding_names_what_is_damaged(tmp_path: Path, file: Path) -> None:
    kb = tmp_path / "kb"
    done("load", "--kb", kb, file)
    (blob,) = kb.glob("record/blobs/*/*.ttl")
    done("drop", "--kb", kb, "harbour")
    assert "The index was made anew at commit 2: 0 registers, 0 quads." in done(
        "rebuild", "--kb", kb
    )
    blob.chmod(0o644)
    blob.write_bytes(b"!" * blob.stat().st_size)

    found = holdfast("rebuild", "--kb", kb)

    assert 1 == found.exit_code
    assert "harbour is not what was sent" in found.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registers", "--kb", "nowhere"), "there is no store in this folder"),
        (("load", "--kb", "https://nowhere.invalid/sparql", "-"), "the server cannot be reached"),
        (("log", "--kb", "https://nowhere.invalid/sparql"), "Name the folder of a store."),
    ],
)
def test_a_place_that_is_no_store_is_named(words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(main, list(words), input="<a:> <b:> 1 .")

    assert (2, True) == (result.exit_code, said in result.output)


def test_a_format_of_triples_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done("load", "--kb", tmp_path / "kb", GRAPHS / "easington.trig")

    result = holdfast("dump", "--kb", tmp_path / "kb", "--register", "easington", "--format", "xml")

    assert 2 == result.exit_code
    assert result.output.startswith("Error: there are several graphs")


def test_what_must_not_be_published_is_refused_when_asked(tmp_path: Path, file: Path) -> None:
    refused = holdfast("load", "--kb", tmp_path / "kb", file, "--check")

    assert 2 == refused.exit_code
    assert "harbour.ttl: line 2" in refused.output
    assert "" == done("registers", "--kb", tmp_path / "kb")
    done("load", "--kb", tmp_path / "kb", GRAPHS / "easington.trig", "--check")
