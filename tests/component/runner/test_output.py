"""Output of any size and content, never in the command's way (R26)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import Reason
from batchcompute.mailbox.records import Deadlines
from tests.support.runner import ATTEMPT, LAYOUT, RID, WS, Host, wait_for

MIB = 1024 * 1024


def test_fifty_megabytes(host: Host) -> None:
    command = "head -c 50000000 /dev/zero | tr '\\0' 'x' | sed 's/x/y/7'; echo end"
    host.direct(Definition(command))
    result = host.finish(40)
    out = host.stream("out")
    assert len(out) == 50_000_000 + len("end\n")
    assert out[:8] == b"xxxxxxyx"
    assert sum(result.log.out) == len(out)
    assert result.log.out[:8] == [MIB, MIB, MIB, MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB]
    assert host.beats(2)[0].tail.endswith(b"end\n")
    assert len(host.beats(2)[0].tail) == 16 * 1024


def test_sealed_segments_are_written_once(host: Host) -> None:
    host.direct(Definition("for i in 1 2 3; do head -c 1500000 /dev/zero; sleep 1.2; done"))
    result = host.finish()
    keys = [LAYOUT.log(ATTEMPT, "out", number) for number in range(5)]
    histories = [host.bucket.history(WS, key) for key in keys]
    sealed = [[len(body) for body in history if len(body) == MIB] for history in histories[:4]]
    assert sealed == [[MIB]] * 4
    assert len(host.stream("out")) == 4_500_000
    assert result.log.out == [MIB] * 4 + [4_500_000 - 4 * MIB]


def test_the_log_is_readable_while_the_command_runs(host: Host) -> None:
    host.direct(Definition("echo early; sleep 20"))
    host.start()
    wait_for("the first segment", lambda: host.stream("out") == b"early\n", 5)
    wait_for("the tail in a beat", lambda: host.beats(1)[-1].tail == b"early\n", 5)


def test_binary_output_is_kept_byte_by_byte(host: Host) -> None:
    source = host.folder / "random"
    source.write_bytes(os.urandom(3_000_000))
    host.direct(Definition(f"cat {source}; cat {source} >&2"))
    host.finish()
    digest = hashlib.sha256(source.read_bytes()).digest()
    assert hashlib.sha256(host.stream("out")).digest() == digest
    assert hashlib.sha256(host.stream("err")).digest() == digest


def test_output_is_never_in_the_commands_way(host: Host) -> None:
    """300 MB, while the bucket takes nothing."""
    host.bucket.fault = lambda request: "503" if "/out." in request.key else None
    host.direct(Definition("head -c 300000000 /dev/zero"), Deadlines(30, 60, 1, 1))
    host.start()
    wait_for("the command ends", lambda: host.beats(2))
    time.sleep(2.5)
    assert host.bucket.get(WS, LAYOUT.done(RID)) is None, "the log comes first"
    host.bucket.fault = lambda request: None
    result = host.result(60)
    assert result.reason is Reason.COMPLETED
    assert result.elapsed.exit is not None and result.elapsed.start is not None
    assert 300 / (result.elapsed.exit - result.elapsed.start) > 100, "MB/s"
    assert sum(result.log.out) == len(host.stream("out")) == 300_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_loses_output_but_no_exit(small_disk: Path) -> None:
    host = Host(small_disk)
    try:
        host.direct(Definition("head -c 30000000 /dev/zero; echo the end; exit 6"))
        result = host.finish()
        assert (result.reason, result.exit and result.exit.code) == (Reason.NON_ZERO_EXIT, 6)
        assert 0 < len(host.stream("out")) < 9_000_000
        last = host.beats(2)[0]
        assert "bytes of output dropped" in last.line.msg
        assert last.tail.endswith(b"the end\n")
    finally:
        host.close()


def test_a_disk_that_the_command_itself_filled_ends_no_run(small_disk: Path) -> None:
    host = Host(small_disk)
    try:
        filling = "cat /dev/zero > fill 2>/dev/null; echo full; sleep 60"
        host.direct(Definition(filling), Deadlines(30, 2, 30, 1))
        result = host.finish()
        assert result.reason is Reason.TIMED_OUT
        assert result.exit is not None and result.exit.status == 143
        assert host.beats(2)[0].tail == b"full\n"
    finally:
        host.close()
