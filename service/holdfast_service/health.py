"""Whether the service lives, is ready for work, and how busy it is: /health, /ready, /metrics."""

from __future__ import annotations

import resource
import time

import flask

import holdfast
from holdfast_service.context import Service
from holdfast_service.metrics import exposition, family
from holdfast_service.problem import Problem

METRICS = "text/plain; version=0.0.4; charset=utf-8"


def routes(app: flask.Flask, service: Service) -> None:
    """Answer at /health, /ready and /metrics."""
    began = time.time()

    @app.get("/health")
    def health() -> flask.Response:
        return flask.jsonify(
            status="ok",
            version=holdfast.__version__,
            state=service.holdings.snapshot().name,
            writable=service.holdings.writable and bool(service.settings.token),
        )

    @app.get("/ready")
    def ready() -> flask.Response:
        counts = service.workers.counts()
        if service.stopping:
            raise Problem("stopping", "The service is stopping.")
        if not counts.ready and not counts.running:
            raise Problem("busy", "No worker is there yet.", headers={"Retry-After": "1"})
        return flask.jsonify(status="ready", workers=counts.ready + counts.running)

    @app.get("/metrics")
    def metrics() -> flask.Response:
        counts = service.workers.counts()
        used = resource.getrusage(resource.RUSAGE_SELF)
        families = [
            service.metrics.requests(),
            family("holdfast_up", "gauge", "1 while the service runs.", [({}, 1)]),
            family(
                "holdfast_info",
                "gauge",
                "The version of Holdfast and the state of the store.",
                [
                    (
                        {
                            "version": holdfast.__version__,
                            "state": service.holdings.snapshot().name,
                        },
                        1,
                    )
                ],
            ),
            family(
                "holdfast_workers",
                "gauge",
                "Workers by what they do.",
                [
                    ({"state": "ready"}, counts.ready),
                    ({"state": "quick"}, counts.running - counts.slow),
                    ({"state": "slow"}, counts.slow),
                ],
            ),
            family(
                "holdfast_queries_waiting",
                "gauge",
                "Queries that wait for a worker.",
                [({}, counts.waiting)],
            ),
            family(
                "holdfast_queries_total",
                "counter",
                "What became of the jobs of workers.",
                [({"ended": how}, number) for how, number in sorted(counts.ended.items())],
            ),
            family(
                "process_cpu_seconds_total",
                "counter",
                "Processor time of the service itself, without its workers.",
                [({}, used.ru_utime + used.ru_stime)],
            ),
            family(
                "process_start_time_seconds",
                "gauge",
                "When the service began, in seconds of Unix time.",
                [({}, began)],
            ),
        ]
        return flask.Response(exposition(families), content_type=METRICS)
