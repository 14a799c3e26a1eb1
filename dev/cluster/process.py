"""Child processes: identity, start, health, early exit, stop."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOG_TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class StartError(Exception):
    """A child did not come up; the message holds the end of its log."""


@dataclass(frozen=True)
class ProcessId:
    """A pid together with what tells its bearer from a later one: boot and start time (ticks)."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """None when no such process runs (a zombie has ended)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat[stat.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X"):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(pid, f"{boot}/{fields[19].decode()}")

    def alive(self) -> bool:
        return ProcessId.of(self.pid) == self

    def end(self, grace: float) -> None:
        """TERM, up to `grace` seconds, KILL. Never touches another process with the same pid."""
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 30.0)):
            try:
                handle = os.pidfd_open(self.pid)
            except ProcessLookupError:
                return
            try:
                # The handle pins the process before its start time is compared.
                if not self.alive():
                    return
                signal.pidfd_send_signal(handle, number)
                if select.select([handle], [], [], seconds)[0]:
                    return
            finally:
                os.close(handle)


class Child:
    """One program in a session of its own, its output in a log file."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        dies_with_owner: signal.Signals | None = signal.SIGKILL,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Starts it. `dies_with_owner`: the signal that it gets when we die, None to outlive us."""
        if dies_with_owner and threading.current_thread() is not threading.main_thread():
            # The kernel sends the signal when the starting *thread* ends.
            raise RuntimeError(
                f"{name}: start children that die with their owner in its main thread"
            )
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        owner = os.getpid()

        def tie() -> None:
            if dies_with_owner:
                _LIBC.prctl(_PR_SET_PDEATHSIG, int(dies_with_owner), 0, 0, 0)
                if os.getppid() != owner:
                    os._exit(1)

        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie,
                env=env,
                pass_fds=pass_fds,
            )
        identity = ProcessId.of(self._process.pid)
        # None: it ended at once; check() tells.
        self.identity = identity or ProcessId(self._process.pid, "ended")

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raises StartError when the child has ended."""
        code = self._process.poll()
        if code is not None:
            raise StartError(f"{self.name} ended early with {_ending(code)}\n{self.tail()}")

    def wait_until(self, ready: Callable[[], str | None], seconds: float) -> None:
        """Polls `ready` (None: yes, else why not) until it is, the child ends or time is up."""
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            reason = ready()
            if reason is None:
                # Whoever answered, our own child must still be there.
                self.check()
                return
            if time.monotonic() >= deadline:
                raise StartError(
                    f"{self.name} is not ready after {seconds:.0f} s: {reason}\n{self.tail()}"
                )
            time.sleep(0.05)

    def signal(self, number: signal.Signals, seconds: float = 10.0) -> int:
        """Sends it and waits for the end; the exit code, or minus the signal's number."""
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def stop(self, grace: float = 5.0) -> None:
        """TERM, up to `grace` seconds, KILL; returns when it has ended and is reaped."""
        if not self.running():
            return
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"the end of {self.log}:", *(f"  {line}" for line in lines)])


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
