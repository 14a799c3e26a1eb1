"""The command's own cgroup on this host (version 1 or 2): counters, limits, clean-up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Reason
from tests.support.runner import MID, Host

ROOT = Path("/sys/fs/cgroup")
NAME = f"batchcompute-{MID}"


@pytest.fixture
def grouped(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, cgroup=str(ROOT))
    yield host
    host.close()


def test_the_command_runs_in_a_cgroup_that_is_gone_afterwards(grouped: Host) -> None:
    grouped.direct(Definition("cat /proc/self/cgroup; sleep 300 & exit 3"))
    result = grouped.finish()
    assert result.exit is not None and result.exit.code == 3
    assert NAME in grouped.stream("out").decode()
    assert result.usage is not None and result.usage.memory
    assert list(ROOT.rglob(NAME)) == []


def test_a_kill_for_memory_is_counted_there(grouped: Host) -> None:
    """The command limits itself, as the kernel would at the machine's end of memory."""
    limit = f"""
        for name in memory/{NAME}/memory.limit_in_bytes {NAME}/memory.max; do
            [ -e {ROOT}/$name ] && echo 60M > {ROOT}/$name
        done
        head -c 200000000 /dev/zero | tail >/dev/null
        exit 137
    """
    grouped.direct(Definition(limit))
    result = grouped.finish()
    assert result.reason is Reason.OUT_OF_MEMORY, (result, grouped.log())
    assert list(ROOT.rglob(NAME)) == []
