"""A command that does not want to end, and the proof that it was ended as promised."""

from __future__ import annotations

from tests.support.site import Site, ran, state_time

GRACE = 4.0
"""`launch.graceSeconds` of the stack that these tests run against."""

STUBBORN = """
trap 'echo got TERM' TERM
setsid sh -c 'trap "" TERM; while :; do sleep 0.5; done' stray &
echo begun
while :; do sleep 0.5; done
"""


def assert_stopped(site: Site, instance_id: str, stdout: str) -> None:
    """TERM, the grace, KILL of all that it started; its log in the bucket; then its machine."""
    machine = site.cloud.machine(instance_id)
    (stray,) = ran(machine, "stray")
    (main,) = [p for p in machine["processes"] if p["argv"] and p["argv"][-1].endswith(STUBBORN)]
    assert main["signal"] == stray["signal"] == 9, (main, stray)
    assert abs(stray["end"] - main["end"]) < 1.5
    # The sleeps do not ignore TERM: those that it ended tell when it came.
    termed = [p["end"] for p in ran(machine, "0.5") if p["signal"] == 15]
    assert termed and GRACE - 0.5 <= main["end"] - min(termed) <= GRACE + 3, (termed, main)
    log = site.read(stdout)
    assert log is not None and log.splitlines() == [b"begun", b"got TERM"]
    assert main["end"] < max(site.uploads(stdout)) < state_time(machine, "TERMINATING")
