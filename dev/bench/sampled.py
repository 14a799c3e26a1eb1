"""`PROFILE=1`: the operator, looked at every few milliseconds of its own CPU time.

A sample is the stack of the main thread. It needs no support from the operator; time in C code
counts for the Python line that called it.
"""

from __future__ import annotations

import json
import runpy
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from dev.stack.environment import child_environment
from dev.stack.operator_process import READY_SECONDS
from dev.stack.paths import ROOT
from dev.stack.stack import Stack

EVERY = 0.004
OWN = "/batchcompute/"
SHOWN = 40
DEEPEST = 60
WRITE_EVERY = 2.0


def start_operator(stack: Stack) -> None:
    """In place of `stack.start_operator`."""
    settings = stack.directory / "operator-settings.yaml"
    environment = child_environment(
        KUBECONFIG=str(stack.directory / "operator.kubeconfig"),
        TENCENTCLOUD_SECRET_ID=stack.cloud.secret_id,
        TENCENTCLOUD_SECRET_KEY=stack.cloud.secret_key,
    )
    environment["PYTHONPATH"] += f":{ROOT}"
    argv = [sys.executable, "-m", "dev.bench.sampled", str(_file(stack)), "run", "--settings"]
    stack.operator = stack._launch.start(
        "operator", [*argv, str(settings)], env=environment, on_owners_death=signal.SIGTERM
    )
    time.sleep(min(READY_SECONDS, 3.0))


def _file(stack: Stack) -> Path:
    return stack.directory / "samples.json"


def read(stack: Stack) -> Iterator[str]:
    """Own functions by their share of the samples: within them, and with what they call."""
    found = json.loads(_file(stack).read_text())
    whole = max(1, sum(found["leaf"].values()))
    for title, key in (("innermost", "leaf"), ("own, innermost", "self"), ("own, all", "all")):
        yield f"samples, {title} ({whole} in all)"
        for name, count in Counter(found[key]).most_common(SHOWN):
            yield f"  {100 * count / whole:5.1f} %  {name}"


class Sampler:
    """Counts where the main thread is each time it has used so much CPU; writes it by and by."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._counts: dict[str, Counter[str]] = {k: Counter() for k in ("leaf", "self", "all")}
        self._written = time.monotonic()
        self._busy = False  # a signal may come while one is handled

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def _take(self, _: int, frame: FrameType | None) -> None:
        if frame is None or self._busy:
            return
        self._busy = True
        try:
            self._count(frame)
        finally:
            self._busy = False

    def _count(self, frame: FrameType) -> None:
        self._counts["leaf"][_name(frame)] += 1
        own: list[str] = []
        at: FrameType | None = frame
        for _ in range(DEEPEST):
            if at is None:
                break
            if OWN in at.f_code.co_filename:
                own.append(_name(at))
            at = at.f_back
        if own:
            self._counts["self"][own[0]] += 1
        self._counts["all"].update(set(own))
        if time.monotonic() - self._written > WRITE_EVERY:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(self._counts))
        beside.rename(self._file)


def _name(frame: FrameType) -> str:
    path = frame.f_code.co_filename.split("site-packages/")[-1].split(OWN)[-1]
    return f"{path}:{frame.f_code.co_qualname}"


if __name__ == "__main__":
    Sampler(Path(sys.argv[1])).start()
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("batchcompute", run_name="__main__", alter_sys=True)
