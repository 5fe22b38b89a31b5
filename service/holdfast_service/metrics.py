"""Figures for Prometheus (text exposition format 0.0.4)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds up to which answers are counted."""


class Metrics:
    """Counts of requests and of the seconds that they took, by endpoint, method and status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, str], int] = {}
        self._seconds: dict[str, list[float]] = {}
        self._bytes: dict[str, int] = {}

    def count(self, endpoint: str, method: str, status: int, seconds: float, sent: int) -> None:
        """One request was answered."""
        with self._lock:
            key = (endpoint, method, str(status))
            self._requests[key] = self._requests.get(key, 0) + 1
            times = self._seconds.setdefault(endpoint, [0.0] * (len(BUCKETS) + 2))
            for number, bound in enumerate(BUCKETS):
                times[number] += seconds <= bound
            times[-2] += 1
            times[-1] += seconds
            self._bytes[endpoint] = self._bytes.get(endpoint, 0) + sent

    def requests(self) -> list[str]:
        """The lines about requests."""
        with self._lock:
            counts = dict(self._requests)
            times = {name: list(values) for name, values in self._seconds.items()}
            sent = dict(self._bytes)
        lines = family(
            "holdfast_requests_total",
            "counter",
            "Requests answered.",
            [
                ({"endpoint": endpoint, "method": method, "status": status}, value)
                for (endpoint, method, status), value in sorted(counts.items())
            ],
        )
        lines += family(
            "holdfast_response_bytes_total",
            "counter",
            "Bytes of bodies sent.",
            [({"endpoint": endpoint}, value) for endpoint, value in sorted(sent.items())],
        )
        name = "holdfast_request_seconds"
        lines += [
            f"# HELP {name} Seconds until an answer was sent whole.",
            f"# TYPE {name} histogram",
        ]
        for endpoint, values in sorted(times.items()):
            for number, bound in enumerate(BUCKETS):
                label = labels({"endpoint": endpoint, "le": f"{bound:g}"})
                lines.append(f"{name}_bucket{label} {values[number]:g}")
            endless = labels({"endpoint": endpoint, "le": "+Inf"})
            lines.append(f"{name}_bucket{endless} {values[-2]:g}")
            only = labels({"endpoint": endpoint})
            lines.append(f"{name}_count{only} {values[-2]:g}")
            lines.append(f"{name}_sum{only} {values[-1]:.6f}")
        return lines


def family(
    name: str, kind: str, help_: str, values: Iterable[tuple[Mapping[str, str], float]]
) -> list[str]:
    """The lines of one figure."""
    lines = [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels(of)} {value:.16g}" for of, value in values]
    return lines


def labels(of: Mapping[str, str]) -> str:
    """Labels in braces, or nothing where there are none."""
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in of.items())
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def exposition(families: Sequence[Sequence[str]]) -> str:
    """The whole text."""
    return "\n".join(line for lines in families for line in lines) + "\n"
