"""Apache Jena SHACL, from Maven Central: fetched and compiled when it is first measured."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

VERSION = "5.6.0"
"""The newest that runs on Java 17."""
_SOURCE = Path(__file__).with_name("JenaShacl.java")
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>holdfast</groupId><artifactId>bench</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.jena</groupId><artifactId>jena-shacl</artifactId>
    <version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""


def missing() -> str:
    """Why Jena cannot be measured here, or ''."""
    lacking = [tool for tool in ("java", "javac", "mvn") if not shutil.which(tool)]
    return f"needs {', '.join(lacking)}" if lacking else ""


def command(build: Path, memory: int) -> list[str]:
    """What starts Jena, fetched into and compiled under `build`; it may use `memory` bytes."""
    home = build / f"jena-{VERSION}"
    if not (home / "JenaShacl.class").exists() or _newer(_SOURCE, home / "JenaShacl.class"):
        home.mkdir(parents=True, exist_ok=True)
        (home / "pom.xml").write_text(_POM, encoding="utf-8")
        _do("mvn", "-q", "-B", "-f", str(home / "pom.xml"), "dependency:copy-dependencies",
            f"-DoutputDirectory={home / 'lib'}")  # fmt: skip
        _do("javac", "-cp", f"{home / 'lib'}/*", "-d", str(home), str(_SOURCE))
    return ["java", f"-Xmx{memory * 3 // 4 // 2**20}m", "-cp", f"{home}:{home / 'lib'}/*",
            "JenaShacl"]  # fmt: skip


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _newer(file: Path, than: Path) -> bool:
    return file.stat().st_mtime > than.stat().st_mtime
