"""Settings: where they come from, and that each is documented as it is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast_service.command import serve
from holdfast_service.problem import KINDS
from holdfast_service.settings import Settings, SettingsError, read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by what stands first in them."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, flags=re.M)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in rows}


def test_every_setting_is_documented_and_no_other() -> None:
    assert {one.name for one in fields(Settings)} == set(rows_below("Settings"))


def test_documented_defaults_are_the_defaults() -> None:
    usual = Settings()
    for name, (said, *_) in rows_below("Settings").items():
        value = getattr(usual, name)
        if isinstance(value, bool) or said.strip("`").replace(".", "", 1).isdigit():
            assert str(value).lower() in (said, f"{said}.0"), name
        elif value == "":
            assert said.strip("`") not in ("true", "false"), name


def test_every_problem_is_documented_with_its_status() -> None:
    documented = {name: int(row[0]) for name, row in rows_below("Problems").items()}

    assert {kind: status for kind, (status, _) in KINDS.items()} == documented


def test_the_command_line_counts_before_the_environment_and_that_before_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text('port = 1\nworkers = 3\ntimeout = 5\ntrusted_hosts = ["a.example"]\n')
    environment = {"HOLDFAST_PORT": "2", "HOLDFAST_WORKERS": "4", "HOLDFAST_UNION": "no"}

    found = read_settings(file, environment=environment, given={"port": 0, "host": None})

    assert (0, 4, 5.0, False) == (found.port, found.workers, found.timeout, found.union)
    assert ("a.example",) == found.trusted_hosts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tiemout = 5", "there is no setting tiemout"),
        ("timeout = 'soon'", "timeout is 'soon'"),
        ("workers = 0", "workers is 0"),
        ("timeout = 500", "Let timeout be the smaller"),
        ("union = 3", "Give true or false"),
        ("log = 'loud'", "text, json or off"),
        ("port: 8000", "not TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "holdfast.toml"
    file.write_text(text)

    with pytest.raises(SettingsError, match=re.escape(said)):
        read_settings(file)


@pytest.mark.parametrize(
    ("time", "said"),
    [("Z9", "Phases here: A0, A1"), ("2001-13", "is not a date")],
)
def test_a_time_of_which_no_venture_knows_is_refused_at_the_start(time: str, said: str) -> None:
    case = Path(__file__).parents[2] / "kb" / "graphs" / "physical-activity.trig"
    run = CliRunner().invoke(serve, [str(case), "--port", "0", "--as-of", time])
    assert 2 == run.exit_code
    assert said in run.output
