"""Prometheus metrics under the names that operators of Kubernetes controllers know."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """The series of one work queue."""

    depth: Gauge
    adds: Counter
    retries: Counter
    latency: Histogram
    work: Histogram


class Metrics:
    """Every series of the operator that is not of one domain object.

    Each instance has a registry of its own, so tests and two operators in one process do not meet.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=SECONDS)

        self._depth = gauge("workqueue_depth", "Keys that wait for a worker", "name")
        self._adds = counter("workqueue_adds", "Keys added", "name")
        self._retries = counter("workqueue_retries", "Keys added after an error", "name")
        self._latency = histogram(
            "workqueue_queue_duration_seconds", "Time a key waited for a worker", "name"
        )
        self._work = histogram("workqueue_work_duration_seconds", "Time a worker took", "name")
        self.reconciles = counter(
            "controller_runtime_reconcile", "Reconciles by result", "controller", "result"
        )
        self.reconcile_errors = counter(
            "controller_runtime_reconcile_errors", "Reconciles that raised", "controller"
        )
        self.reconcile_seconds = histogram(
            "controller_runtime_reconcile_time_seconds", "Time of one reconcile", "controller"
        )
        self.api_requests = counter(
            "rest_client_requests", "API-server requests", "verb", "resource", "code"
        )
        self.api_seconds = histogram(
            "rest_client_request_duration_seconds", "Time of one API-server request", "verb"
        )
        self.cache_objects = gauge("informer_cache_objects", "Objects held", "resource")
        self.watch_event_time = gauge(
            "informer_last_event_timestamp_seconds", "When the watch last said anything", "resource"
        )
        self.relists = counter("informer_relists", "Complete lists read", "resource")
        self.projection_errors = counter(
            "informer_projection_errors", "Objects that could not be read", "resource"
        )
        self.events_dropped = counter("events_dropped", "Kubernetes events not sent", "reason")
        self.leader = gauge("leader_election_master_status", "1 on the leader", "name")
        self.loop_lag = gauge("event_loop_lag_seconds", "How late the event loop woke last")
        self.cloud_requests = counter(
            "cloud_requests", "Tencent Cloud API calls", "service", "action", "code"
        )
        self.cloud_seconds = histogram(
            "cloud_request_duration_seconds", "Time of one cloud call", "service", "action"
        )

    def queue(self, name: str) -> QueueMetrics:
        """The series of the queue of that name."""
        return QueueMetrics(
            self._depth.labels(name),
            self._adds.labels(name),
            self._retries.labels(name),
            self._latency.labels(name),
            self._work.labels(name),
        )

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self.registry)
