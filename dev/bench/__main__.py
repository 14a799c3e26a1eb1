"""`make bench N=1000 TASKS=1`: the figures of one run, each target met or missed, plainly.

`SECONDS=0` is how long each command takes, `STRICT=1` makes a missed target the exit code 1 (a
shared machine is noisy), `PROFILE=1` samples the operator and shows where its time went.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from dev.bench.report import report, verdicts
from dev.bench.run import BenchFailed, Wanted, bench
from dev.cluster.build import CannotBuild
from dev.cluster.interrupts import Interrupted, install
from dev.cluster.process import StartError
from dev.stack.install import InstallError
from dev.stack.paths import RUN


def main() -> int:
    install()
    wanted = Wanted(
        instances=int(os.environ.get("N") or 1000),
        tasks=int(os.environ.get("TASKS") or 1),
        seconds=float(os.environ.get("SECONDS") or 0),
        profile=os.environ.get("PROFILE") == "1",
    )
    RUN.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=RUN))
    try:
        missed = _measure(folder, wanted)
    except (BenchFailed, StartError, InstallError, CannotBuild) as error:
        say(f"the bench failed: {error}")
        return 1
    except Interrupted as interrupted:
        say(f"stopped by {interrupted}")
        return 128 + interrupted.signum
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    strict = os.environ.get("STRICT") == "1"
    if missed and not strict:
        say(f"{missed} target(s) missed; STRICT=1 makes that the exit code")
    return int(bool(missed) and strict)


def _measure(folder: Path, wanted: Wanted) -> int:
    """Prints all that was found; the number of missed targets."""
    say(f"bench: {wanted.instances} instances in {wanted.tasks} task(s), light machines")
    found = bench(folder, wanted, say)
    for one in found:
        for line in report(one):
            say(line)
    judged = list(verdicts(found, wanted.seconds))
    for one_verdict in judged:
        say(str(one_verdict))
    return sum(not one_verdict.met for one_verdict in judged)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
