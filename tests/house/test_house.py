"""The house rules: what is documented, shipped, linked and shown is true."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import holdfast
from holdfast.cli import main
from holdfast.shipped import shipped_folder

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def commands_below(
    group: click.Group, name: str = "holdfast"
) -> Iterator[tuple[str, click.Command]]:
    """Every command and group below `group`, with its name as a user types it."""
    for word, command in sorted(group.commands.items()):
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from commands_below(command, f"{name} {word}")


def without_code(page: Path) -> str:
    """The text of a page with its code blocks taken out."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors_of(page: Path) -> set[str]:
    """The fragments by which the headings of a page are reached, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    """Each relative link of each page."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def examples() -> Iterator[tuple[str, int, list[str]]]:
    """Each command of the README's console blocks: the command, its exit status, the lines shown.

    The status is 0, unless `$ echo $?` follows with another; a line `…` stands for lines left out.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.M | re.S):
        found: list[tuple[str, int, list[str]]] = []
        lines = iter(block.splitlines())
        for line in lines:
            if line == "$ echo $?":
                command, _, shown = found[-1]
                found[-1] = (command, int(next(lines)), shown)
            elif line.startswith("$ "):
                found.append((line.removeprefix("$ "), 0, []))
            elif line.strip() not in ("", "…"):
                found[-1][2].append(line)
        yield from found


@pytest.fixture(scope="module")
def documentation() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("name", [name for name, _ in commands_below(main)])
def test_every_command_is_documented(name: str, documentation: str) -> None:
    assert re.search(rf"{name}(?![\w-])", documentation), f"no page says what {name} does"


@pytest.mark.parametrize(("name", "command"), list(commands_below(main)))
def test_every_command_has_help(name: str, command: click.Command) -> None:
    assert command.help, f"{name} --help says nothing"


def test_every_command_in_the_documentation_exists(documentation: str) -> None:
    known = {name for name, _ in commands_below(main)}

    named = set(re.findall(r"(?:`|^\$ |^)(holdfast [a-z]+)(?=[ `\n])", documentation, flags=re.M))

    assert set() == named - known


def error_classes() -> Iterator[str]:
    """Every kind of HoldfastError, by the name under which it is imported."""
    bases: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for folder in (ROOT / "kb", ROOT / "service"):
        for file in folder.rglob("*.py"):
            module = ".".join(file.relative_to(folder).with_suffix("").parts)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    names[node.name] = f"{module.removesuffix('.__init__')}.{node.name}"
    known = {"HoldfastError"}
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return iter(sorted(names[name] for name in known))


def test_every_kind_of_error_is_documented_and_no_other() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

    told = re.findall(r"`((?:holdfast|holdfast_service)(?:\.\w+)*\.[A-Z]\w+)`", page)

    assert [*error_classes()] == sorted(told)


def test_the_service_adds_its_command() -> None:
    assert "serve" in main.commands


@pytest.mark.parametrize(
    ("page", "target"), list(links()), ids=lambda part: getattr(part, "name", part)
)
def test_every_link_in_the_documentation_leads_somewhere(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    there = (page.parent / path) if path else page

    assert there.exists(), f"{page.name} links to {target}, which is not there"
    if fragment:
        assert fragment in anchors_of(there), f"{there.name} has no heading for #{fragment}"


def test_the_readme_shows_commands_with_what_they_print() -> None:
    assert [command for command, _, shown in examples() if not shown] == []
    assert len(list(examples())) >= 2


@pytest.mark.parametrize(("command", "status", "shown"), list(examples()))
def test_the_readme_examples_do_what_they_show(command: str, status: int, shown: list[str]) -> None:
    program, *arguments = shlex.split(command)
    assert program == "holdfast", "console blocks of the README run holdfast and nothing else"

    # as in a pipe, where lines are not broken to fit a terminal
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / program, *arguments],
        capture_output=True,
        check=False,
        cwd=ROOT,
        encoding="utf-8",
        env={**environment, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        timeout=120,
    )

    assert status == done.returncode, done.stderr
    printed = iter(line.rstrip() for line in (done.stdout + done.stderr).splitlines())
    for line in shown:
        # Searching an iterator goes on where it left off: the lines must come in this order.
        assert line.rstrip() in printed, f"not printed, or not in this order: {line}"


def test_the_wheel_ships_the_packages_and_the_folders_they_read() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert ["kb/holdfast", "service/holdfast_service"] == wheel["packages"]
    assert {
        "ontology": "holdfast/shipped/ontology",
        "rules": "holdfast/shipped/rules",
        "kb/graphs": "holdfast/shipped/graphs",
        "kb/mappings": "holdfast/shipped/mappings",
        "docs/findings.schema.json": "holdfast/shipped/findings.schema.json",
    } == wheel["force-include"]
    for source, target in wheel["force-include"].items():
        if (ROOT / source).is_file():
            continue
        name = Path(target).name
        assert ROOT / source == shipped_folder(name)  # type: ignore[arg-type]
        assert any((ROOT / source).iterdir()), f"{source} is empty"


def test_the_dependencies_are_what_the_packages_import() -> None:
    imported: set[str] = set()
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        for module in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    imported.add(node.module.partition(".")[0])
    ours = {"holdfast", "holdfast_service"}
    third_party = {name.lower() for name in imported - sys.stdlib_module_names - ours}

    declared = {re.split(r"[<>=!~\[ ]", line)[0] for line in PROJECT["project"]["dependencies"]}

    assert declared == third_party


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")

    assert f"\nversion: {holdfast.__version__}\n" in citation
