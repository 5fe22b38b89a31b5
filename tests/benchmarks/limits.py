"""A process with a limit on its time and memory, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

_POLL = 0.02
_ROOT = Path(__file__).parents[2]
_CHECKOUT = os.pathsep.join([str(_ROOT / "kb"), str(_ROOT / "service")])
"""What is measured is this checkout, whatever is installed."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: '' when well, else why not; its wall time and its peak memory, bytes."""

    fault: str
    seconds: float
    peak: int


def run_limited(
    command: Sequence[str],
    *,
    seconds: float,
    memory: int,
    folder: Path,
    environment: Mapping[str, str],
    stuck: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a command in `folder`; it is killed after `seconds`, over `memory` bytes or when `stuck`.

    Memory is what the kernel calls resident, at its highest. Where there is no /proc it is not
    limited, and the peak is that which the kernel reports at the end.
    """
    fault = ""
    peak = 0
    begin = monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": _CHECKOUT, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        done = 0
        try:
            while not done:
                sleep(_POLL)
                now, high = _resident(process.pid)
                peak = max(peak, high)
                if not fault:
                    if monotonic() - begin > seconds:
                        fault = f"not done in {seconds:.0f} s"
                    elif now > memory:
                        fault = f"needs more than {memory / 2**30:.0f} GB"
                    elif stuck():
                        fault = "stuck"
                    if fault:
                        os.killpg(process.pid, signal.SIGKILL)
                done, status, usage = os.wait4(process.pid, os.WNOHANG)
        finally:
            if not done:  # we are being stopped ourselves
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        taken = monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and not fault:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            fault = lines[-1] if lines else f"ended with status {process.returncode}"
    if not peak:
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Ended(fault, taken, peak)


def _resident(pid: int) -> tuple[int, int]:
    """Resident memory now and at its highest, in bytes; 0 where the kernel does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0, 0
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in status.splitlines()
        if line.startswith(("VmRSS:", "VmHWM:"))
    }
    return sizes.get("VmRSS", 0), sizes.get("VmHWM", 0)
