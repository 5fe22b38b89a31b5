"""One question to Holdfast as its users have it: from the wheel, without development packages.

`make test` runs this with the interpreter of an environment into which only the wheel was
installed, from a folder outside the checkout. It is no pytest module: pytest is not there.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from holdfast.shipped import shipped_folder
from holdfast_service.command import made
from holdfast_service.settings import Settings

CASE_A = "https://w3id.org/holdfast/id/venture/physical-activity"


def main() -> None:
    for package in ("pytest", "mypy", "hatchling"):
        assert importlib.util.find_spec(package) is None, f"{package} must not be installed here"
    for name in ("ontology", "rules", "graphs", "mappings"):
        folder = shipped_folder(name)
        assert folder.is_relative_to(sys.prefix), f"{name} is read from outside the wheel: {folder}"
        assert any(folder.iterdir()), f"the wheel ships no {name}"

    register = shipped_folder("graphs") / "physical-activity.trig"
    command = Path(sysconfig.get_path("scripts")) / "holdfast"
    answer = subprocess.run(
        [command, "assess", register, "--as-of", "A5", "--format", "json"],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert answer.returncode == 0, answer.stderr
    (venture,) = (v for v in json.loads(answer.stdout)["ventures"] if v["iri"] == CASE_A)
    assert venture["standing"]["fit"] == "weak", venture["standing"]
    assert "poor-boundary-fit" in {finding["rule"] for finding in venture["findings"]}

    app, service = made(Settings(workers=1, slow_workers=1), None, [str(register)], "A5")
    app.extensions["keeper"].judgements.wait()
    window = app.test_client()
    for page in ("/", "/ventures/physical-activity", "/openapi.json", "/static/style.css"):
        assert window.get(page).status_code == 200, f"{page} is not served from the wheel"
    service.stop()

    print(f"The wheel answers on its own: {len(venture['findings'])} findings on {CASE_A}.")


if __name__ == "__main__":
    main()
