"""A command that does not want to end, and the proof that it was ended as promised."""

from __future__ import annotations

import re

from tests.support.site import Site, ran, state_time

GRACE = 4.0
"""`launch.graceSeconds` of the stack that these tests run against."""

STUBBORN = """
trap 'echo "got TERM at $(date +%s.%N)"' TERM
setsid sh -c 'trap "" TERM; while :; do sleep 0.5; done' stray &
echo begun
while :; do sleep 0.5; done
"""


def assert_stopped(site: Site, instance_id: str, stdout: str) -> None:
    """TERM, the grace, KILL of all that it started; its log in the bucket; then its machine."""
    machine = site.cloud.machine(instance_id)
    # A shell that was just forking its next `sleep` when it was killed is there twice.
    stray = ran(machine, "stray")[0]
    commands = [p for p in machine["processes"] if p["argv"] and p["argv"][-1].endswith(STUBBORN)]
    main = min(commands, key=lambda process: float(process["start"]))
    assert {main["signal"], stray["signal"]} in ({9}, {None}), "an ordinary user is told none"
    assert abs(stray["end"] - main["end"]) < 1.5
    log = (site.read(stdout) or b"").decode()
    found = re.fullmatch(r"begun\ngot TERM at (\d+\.\d+)\n", log)
    assert found, f"one TERM and nothing after it: {log!r}"
    assert GRACE - 0.5 <= main["end"] - float(found[1]) <= GRACE + 3
    assert main["end"] < max(site.uploads(stdout)) < state_time(machine, "TERMINATING")
