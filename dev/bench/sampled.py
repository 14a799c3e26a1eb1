"""`PROFILE=1`: the operator, its event loop looked at every few milliseconds.

A sample is the stack of the main thread while it is not waiting for the network. It needs no
support from the operator and slows it down by a few hundredths.
"""

from __future__ import annotations

import atexit
import json
import runpy
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from dev.stack.environment import child_environment
from dev.stack.operator_process import READY_SECONDS
from dev.stack.paths import ROOT
from dev.stack.stack import Stack

EVERY = 0.002
OWN = "/batchcompute/"
SHOWN = 40
DEEPEST = 60


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


class Sampler(threading.Thread):
    """Counts where the main thread is, for ever."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self._file = file
        self._main = threading.main_thread().ident
        self._counts: dict[str, Counter[str]] = {k: Counter() for k in ("leaf", "self", "all")}

    def run(self) -> None:
        while True:
            time.sleep(EVERY)
            frame = sys._current_frames().get(self._main or 0)
            if frame is not None and frame.f_code.co_name != "select":
                self._take(frame)

    def _take(self, frame: FrameType) -> None:
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

    def write(self) -> None:
        self._file.write_text(json.dumps(self._counts))


def _name(frame: FrameType) -> str:
    path = frame.f_code.co_filename.split("site-packages/")[-1].split(OWN)[-1]
    return f"{path}:{frame.f_code.co_qualname}"


if __name__ == "__main__":
    sampler = Sampler(Path(sys.argv[1]))
    sampler.start()
    atexit.register(sampler.write)
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("batchcompute", run_name="__main__", alter_sys=True)
