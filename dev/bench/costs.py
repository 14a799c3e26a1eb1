"""What a run costs: CPU and memory of processes, calls to the cloud."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = slice(3, 5)  # idle and iowait of a line of /proc/stat
_WHOLE = slice(0, 8)  # the two fields after these are within the first two


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system time so far, by name."""
    return {name: _cpu_of(pid) for name, pid in pids.items()}


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Machine:
    """The whole machine's CPU time since this was made."""

    def __init__(self) -> None:
        self._before = _all_cpu()

    def share_of_others(self, own: float) -> float:
        """The part of it (0 to 1) that went neither to `own` seconds nor to idling."""
        busy, whole = (now - then for now, then in zip(_all_cpu(), self._before, strict=True))
        return max(0.0, busy - own) / whole if whole else 0.0


def _all_cpu() -> tuple[float, float]:
    """Busy seconds and all seconds of all cores."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    whole = sum(ticks[_WHOLE])
    return (whole - sum(ticks[_IDLE])) / TICKS, whole / TICKS


def peak_memory_mib(pid: int) -> float:
    """The largest resident size of the process so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def cloud_calls(control: str) -> Counter[str]:
    """Calls so far by action, those to COS summed up by theirs, from the emulator's log."""
    with urllib.request.urlopen(f"{control}/counts") as answer:
        counts: Mapping[str, Mapping[str, int]] = json.load(answer)
    return Counter({action: sum(codes.values()) for action, codes in counts.items()})
