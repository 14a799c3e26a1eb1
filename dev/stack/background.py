"""`make up`, `make down`, `make env`: the stack of this clone, and of no other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from dev.stack import clusters, record
from dev.stack.exports import shell_lines
from dev.stack.paths import ROOT, RUN
from dev.stack.stack import remove_state

FOLDER = RUN / "up"
STOP_SECONDS = 60.0
READY_SECONDS = 150.0


class NotUp(Exception):
    """One sentence: nothing is up, or it did not come up."""


def up() -> None:
    """Starts the stack and waits until it is ready; when it is up already, says so."""
    clusters.prepare()
    with record.exclusive(RUN):
        found = record.read(FOLDER)
        if found and found.supervisor.alive() and found.ready:
            print("already up")
            return
        _clear(found)
        supervisor = _start_supervisor()
        _wait_until_ready(supervisor)
    print('up; for its names: eval "$(make -s env)"')


def down() -> None:
    """Stops what is up and removes what a crash has left; logs stay in .run/up/log."""
    if not RUN.exists():
        return
    with record.exclusive(RUN):
        _clear(record.read(FOLDER))


def env() -> str:
    """The export lines. Raises NotUp."""
    found = record.read(FOLDER)
    if not found or not found.ready or not found.supervisor.alive():
        raise NotUp("nothing is up in this clone: run `make up`")
    return shell_lines(found.ready)


def _clear(found: record.Record | None) -> None:
    """Ends the recorded processes, the supervisor first: it ends the others in their order."""
    if found:
        for process in found.processes.values():
            process.end(STOP_SECONDS)
    remove_state(FOLDER)
    shutil.rmtree(FOLDER / "bin", ignore_errors=True)
    for file in FOLDER.glob("record.json*"):
        file.unlink()


def _start_supervisor() -> subprocess.Popen[bytes]:
    log = _log()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "dev.stack", "supervise"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths())},
        )


def _paths() -> list[str]:
    return [str(ROOT / "operator/src"), str(ROOT / "emulator/src"), str(ROOT)]


def _wait_until_ready(supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    try:
        while True:
            found = record.read(FOLDER)
            if found and found.ready and found.supervisor.pid == supervisor.pid:
                return
            if supervisor.poll() is not None:
                raise NotUp(f"it did not come up:\n{_log().read_text().strip()}")
            if time.monotonic() > deadline:
                raise NotUp(f"it is not ready after {READY_SECONDS:.0f} s: see {_log()}")
            time.sleep(0.1)
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        _clear(record.read(FOLDER))
        raise


def _log() -> Path:
    return FOLDER / "log" / "supervisor.log"
