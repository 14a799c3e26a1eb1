"""What a bench found, against what it has to be on an idle machine with two cores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

OWN = ("taskinstances", "jobs", "computenodes", "computeenvs", "tasktemplates")
RATE = 150.0
SHARE_OF_FLOOR = 0.5
SHARE_OF_SMALL = 0.8
"""A run of more than `SMALL` instances is held against one of that many, in the same stack."""
SMALL = 1000
PROGRESS_SECONDS = 5.0
"""An instance that ran so long may have one write more (R20)."""


@dataclass(frozen=True)
class Floor:
    """Create plus one status write from a bare client. `cpu` in seconds by process."""

    rate: float
    instances: int
    cpu: Mapping[str, float]


@dataclass(frozen=True)
class Found:
    """One run. `writes` by `VERB resource`, `calls` by action.

    `wall_seconds` and `cpu` (seconds by process) are from kubectl apply to Complete,
    `released_seconds`, `cpu_released` and all counts on to the end of the last machine. `others`
    is the share of the machine's CPU time up to Complete that went to other processes.
    """

    instances: int
    tasks: int
    floor: Floor
    wall_seconds: float
    released_seconds: float
    writes: Counter[str]
    calls: Counter[str]
    cpu: Mapping[str, float]
    cpu_released: Mapping[str, float]
    operator_peak_mib: float
    others: float

    @property
    def rate(self) -> float:
        return self.instances / self.wall_seconds

    @property
    def own_writes(self) -> Counter[str]:
        """Writes to the operator's kinds; ledger, leases, events and the rest are shown apart."""
        return Counter({k: n for k, n in self.writes.items() if _resource(k) in OWN})

    @property
    def instance_writes(self) -> float:
        """TaskInstance writes per instance, refused ones left out."""
        made = (n for key, n in self.writes.items() if _resource(key) == "taskinstances")
        return sum(made) / self.instances

    @property
    def machine_calls(self) -> int:
        return self.calls["RunInstances"] + self.calls["TerminateInstances"]

    @property
    def most_machine_calls(self) -> int:
        return 2 * math.ceil(self.instances / 100) + 5

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of everything together per instance, up to Complete."""
        return 1000 * sum(self.cpu.values()) / self.instances


def _resource(key: str) -> str:
    return key.partition(" ")[2].partition("/")[0]


def report(found: Found) -> Iterator[str]:
    """The whole of one run, at most 100 columns wide."""
    n = found.instances
    yield ""
    yield f"== {n} instances in {found.tasks} task(s)"
    yield _row("kubectl apply to Complete", f"{found.wall_seconds:.2f} s")
    share = found.rate / found.floor.rate
    yield _row("rate", f"{found.rate:.0f} instances/s", f"{share:.2f} of the floor")
    yield _row("apply to the last machine's end", f"{found.released_seconds:.2f} s")
    yield _row("CPU of the machine used by others", f"{100 * found.others:.0f} %")
    yield from _writes(found)
    yield f"cloud calls: {found.machine_calls} launch and terminate"
    for action, count in sorted(found.calls.items()):
        if count:
            yield _row(f"  {action}", str(count))
    yield "CPU up to Complete (and to the last machine's end)"
    for name, seconds in found.cpu.items():
        late = f"{1000 * seconds / n:.2f} ms per instance ({found.cpu_released[name]:.2f} s)"
        yield _row(f"  {name}", f"{seconds:.2f} s", late)
    yield _row("  all", f"{sum(found.cpu.values()):.2f} s", f"{found.cpu_ms:.2f} ms per instance")
    yield _row("  two cores alone would make of it", f"{2000 / found.cpu_ms:.0f} instances/s")
    yield _row("operator's peak memory", f"{found.operator_peak_mib:.0f} MiB")


def _writes(found: Found) -> Iterator[str]:
    yield "API-server writes"
    for key, count in found.own_writes.most_common():
        yield _row(f"  {key}", str(count), f"{count / found.instances:.3f} per instance")
    yield "  apart: ledger, leases, events, garbage collection"
    for key, count in (found.writes - found.own_writes).most_common():
        yield _row(f"  {key}", str(count))


def _row(name: str, value: str, more: str = "") -> str:
    return f"{name:<44}{value:>18}  {more}".rstrip()


@dataclass(frozen=True)
class Verdict:
    """A figure against its target."""

    met: bool
    text: str

    def __str__(self) -> str:
        return f"{'met    ' if self.met else 'MISSED '} {self.text}"


def verdicts(runs: Sequence[Found], seconds: float = 0.0) -> Iterator[Verdict]:
    """A verdict per target on the last run, which the ones before are held against."""
    found = runs[-1]
    rate, floor = found.rate, found.floor.rate
    yield Verdict(rate >= RATE, f"{rate:.0f} instances/s, at least {RATE:.0f}")
    share = rate / floor
    yield Verdict(
        share >= SHARE_OF_FLOOR, f"{share:.2f} of the floor of {floor:.0f}/s, at least 0.5"
    )
    most = 2 if seconds < PROGRESS_SECONDS else 3
    made = found.instance_writes
    yield Verdict(made <= most, f"{made:.3f} writes per instance, at most {most}")
    made_calls, most_calls = found.machine_calls, found.most_machine_calls
    text = f"{made_calls} launch and terminate calls, at most {most_calls}"
    yield Verdict(made_calls <= most_calls, text)
    jobs, allowed = found.writes["PATCH jobs/status"], math.ceil(found.released_seconds) + 1
    yield Verdict(jobs <= allowed, f"{jobs} job status writes, at most {allowed}: one a second")
    if len(runs) > 1:
        ratio = rate / runs[0].rate
        text = f"{ratio:.2f} of the rate with {runs[0].instances}, at least {SHARE_OF_SMALL}"
        yield Verdict(ratio >= SHARE_OF_SMALL, text)
