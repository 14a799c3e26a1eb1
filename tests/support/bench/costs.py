"""What a run costs: CPU and memory of processes, calls to the cloud."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import psutil


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system time so far, by name."""
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: t.user + t.system for name, t in times.items()}


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
