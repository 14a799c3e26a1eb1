"""`make bench N=1000 TASKS=1 [SECONDS=0]`: 0 when every figure is what it has to be."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from dev.cluster.interrupts import Interrupted, install
from dev.stack.paths import RUN
from tests.support.bench.bench import BenchFailed, bench
from tests.support.bench.report import lines, misses


def main() -> int:
    install()
    instances = int(os.environ.get("N") or 1000)
    tasks = int(os.environ.get("TASKS") or 1)
    seconds = float(os.environ.get("SECONDS") or 0)
    RUN.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=RUN))
    say(f"bench                {instances} instances in {tasks} task(s), light machines")
    try:
        found = bench(folder, instances, tasks, seconds=seconds, say=say)
    except BenchFailed as error:
        say(f"the bench failed: {error}")
        return 1
    except Interrupted as interrupted:
        say(f"stopped by {interrupted}")
        return 128 + interrupted.signum
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in lines(found):
        say(line)
    missed = list(misses(found))
    for miss in missed:
        say(f"NOT MET: {miss}")
    return int(bool(missed))


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
