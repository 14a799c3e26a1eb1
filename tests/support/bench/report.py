"""What a bench found, against what it has to be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

OWN = ("taskinstances", "jobs", "computenodes", "computeenvs", "tasktemplates")
RATE = 150.0
SHARE_OF_FLOOR = 0.5
WRITES_PER_INSTANCE = 2.0


@dataclass(frozen=True)
class Found:
    """One run. `writes` by `VERB resource`, `calls` by action, `cpu` in seconds by process."""

    instances: int
    floor: float
    wall_seconds: float
    writes: Counter[str]
    calls: Counter[str]
    cpu: Mapping[str, float]
    operator_peak_mib: float

    @property
    def rate(self) -> float:
        return self.instances / self.wall_seconds

    @property
    def own_writes(self) -> Counter[str]:
        """Writes to the operator's kinds; ledger, leases, events and the rest are shown apart."""
        return Counter({k: n for k, n in self.writes.items() if _resource(k) in OWN})

    @property
    def machine_calls(self) -> int:
        return self.calls["RunInstances"] + self.calls["TerminateInstances"]

    @property
    def most_machine_calls(self) -> int:
        return 2 * math.ceil(self.instances / 100) + 5


def _resource(key: str) -> str:
    return key.partition(" ")[2].partition("/")[0]


def lines(found: Found) -> Iterator[str]:
    """The report, one fact a line."""
    n = found.instances
    yield f"wall time            {found.wall_seconds:.2f} s from kubectl apply to Complete"
    yield (
        f"rate                 {found.rate:.0f} instances/s,"
        f" {found.rate / found.floor:.2f} of the floor"
    )
    per_instance = sum(found.own_writes.values()) / n
    yield f"API-server writes    {per_instance:.3f} per instance:"
    for key, count in found.own_writes.most_common():
        yield f"  {key:<34} {count:>7}  {count / n:.3f} per instance"
    yield "  apart from these (ledger, leases, events, garbage collection):"
    for key, count in (found.writes - found.own_writes).most_common():
        yield f"  {key:<34} {count:>7}"
    yield f"cloud calls          {found.machine_calls} launch and terminate calls:"
    for action, count in sorted(found.calls.items()):
        if count:
            yield f"  {action:<34} {count:>7}"
    yield "CPU seconds"
    for name, seconds in found.cpu.items():
        yield f"  {name:<34} {seconds:>7.2f}  {1000 * seconds / n:.2f} ms per instance"
    yield f"operator peak memory {found.operator_peak_mib:.0f} MiB"


def misses(found: Found) -> Iterator[str]:
    """A sentence for each figure that is not what it has to be on an idle 2-core machine."""
    if found.rate < RATE:
        yield f"{found.rate:.0f} instances/s is below {RATE:.0f}"
    if found.rate < SHARE_OF_FLOOR * found.floor:
        yield f"{found.rate:.0f} instances/s is below half of the floor of {found.floor:.0f}"
    per_instance = sum(
        count for key, count in found.own_writes.items() if _resource(key) == "taskinstances"
    )
    if per_instance > WRITES_PER_INSTANCE * found.instances:
        yield f"{per_instance / found.instances:.2f} writes per instance is above 2"
    if found.machine_calls > found.most_machine_calls:
        yield (
            f"{found.machine_calls} launch and terminate calls are above {found.most_machine_calls}"
        )
