from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.cluster.process import Child, ProcessId, StartError

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper():
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_ended_by_its_pid_and_start_time(sleeper):
    ProcessId.of(sleeper.pid).end(grace=5)
    assert sleeper.wait(5) == -15


def test_a_later_process_under_the_same_pid_is_never_touched(sleeper):
    boot, _, ticks = ProcessId.of(sleeper.pid).started.partition("/")
    earlier = ProcessId(sleeper.pid, f"{boot}/{int(ticks) - 1}")
    before_the_boot = ProcessId(sleeper.pid, f"another-boot/{ticks}")
    for stale in (earlier, before_the_boot):
        assert not stale.alive()
        stale.end(grace=0.2)
    assert sleeper.poll() is None


def test_a_process_that_ignores_term_is_killed():
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print(flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdout.readline()
        ProcessId.of(process.pid).end(grace=0.2)
        assert process.wait(5) == -9


def test_a_child_that_dies_with_its_owner_is_refused_outside_the_main_thread(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(RuntimeError, match="main thread"):
            pool.submit(Child, "sleeper", SLEEP, log=tmp_path / "log").result()
    assert threading.current_thread() is threading.main_thread()
    child = Child("sleeper", SLEEP, log=tmp_path / "log")
    child.stop()
    assert not child.running()


def test_a_child_that_is_never_ready_is_told_with_its_reason_and_its_log(tmp_path):
    child = Child("mute", ["sh", "-c", "echo booting; exec sleep 600"], log=tmp_path / "log")
    try:
        with pytest.raises(StartError, match=r"mute is not ready after 0 s: not yet") as refused:
            child.wait_until(lambda: "not yet", seconds=0.3)
    finally:
        child.stop()
    assert "booting" in str(refused.value)
