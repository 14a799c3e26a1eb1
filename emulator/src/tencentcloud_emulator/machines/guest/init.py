"""The machine's PID 1: serves its network names, runs its user data once, reaps its orphans.

All of it lives in this one process, which nothing inside the machine can kill. Everything it
needs is imported before the user data runs: the user data may remove every file there is.
Usage: python3 -m guest.init SCRIPT, where SCRIPT is the user data's file or `-` for none.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
import traceback

from .forward import Forwarder
from .names import answer

ADDRESS = "169.254.0.23"
FRONT = "/run/cloud.sock"
OUTPUT = "/var/log/cloud-init-output.log"
CONSOLE_LIMIT = 4 << 20
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "LANG": "C.UTF-8",
}
POWER_OFF = signal.SIGRTMIN + 4  # what systemd takes for it
GRACE_SECONDS = 3.0


class Output:
    """What the user data prints: to the log inside, and to the console that outlives it."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._log = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._console_left = CONSOLE_LIMIT
        self._pipe, self.writer = os.pipe()
        os.set_blocking(self._pipe, False)
        selector.register(self._pipe, selectors.EVENT_READ, self.copy)

    def copy(self, _events: int = 0) -> None:
        """Takes over what has arrived."""
        while True:
            try:
                data = os.read(self._pipe, 65536)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(self._pipe)
                return
            self.write(data)

    def write(self, data: bytes) -> None:
        """A full disk of the machine stops its log, not the machine."""
        try:
            os.write(self._log, data)
        except OSError as error:
            self._console(f"{OUTPUT}: {error.strerror}\n".encode())
        self._console(data)

    def _console(self, data: bytes) -> None:
        if self._console_left > 0:
            self._console_left -= len(data)
            os.write(1, data if self._console_left > 0 else b"... (the console is full)\n")


def run_user_data(script: str, output: Output) -> int:
    """Starts the script as cloud-init does: root, in /, no terminal. Gives its pid."""
    pid = os.fork()
    if pid:
        os.close(output.writer)
        return pid
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        # Whoever started the emulator may have ignored INT or QUIT: a background job does.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(output.writer, 1)
        os.dup2(output.writer, 2)
        os.closerange(3, 256)
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("500")  # if memory runs out, PID 1 is not what goes
        os.execve(script, [script], ENVIRONMENT)  # noqa: S606
    except OSError as error:
        os.write(2, f"Failed to run {script}: {error.strerror}\n".encode())
    finally:
        os._exit(126)


def reap() -> bool:
    """Takes note of every child that has ended; False if no child is left."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
        except ChildProcessError:
            return False


def _signal_all(number: int) -> None:
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        return


def serve_names(selector: selectors.BaseSelector) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((ADDRESS, 53))
    server.setblocking(False)

    def reply(_events: int) -> None:
        try:
            query, peer = server.recvfrom(4096)
            if (found := answer(query, ADDRESS)) is not None:
                server.sendto(found, peer)
        except OSError:  # the asker is gone, or its queue is full: it asks again
            return

    selector.register(server, selectors.EVENT_READ, reply)


class Signals:
    """Signals as events of the selector; `power_off` is set when that was asked for.

    They get handlers, not SIG_IGN, which every program of the machine would inherit.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.power_off = False
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, POWER_OFF):
            signal.signal(number, lambda *_: None)
        selector.register(self._reader, selectors.EVENT_READ, self._ready)

    def _ready(self, _events: int) -> None:
        numbers = os.read(self._reader, 4096)
        self.power_off = self.power_off or POWER_OFF in numbers
        reap()


def serve(selector: selectors.BaseSelector, seconds: float | None = None) -> None:
    """Handles what comes next; one bad connection must not end the machine."""
    for key, events in selector.select(seconds):
        try:
            key.data(events)
        except Exception:
            os.write(2, traceback.format_exc().encode())


def main(script: str) -> None:
    selector = selectors.DefaultSelector()
    signals = Signals(selector)
    Forwarder(selector, ADDRESS, 80, FRONT)
    serve_names(selector)
    if script != "-":
        run_user_data(script, Output(selector))
    while not signals.power_off:
        serve(selector)
    _signal_all(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while reap() and time.monotonic() < deadline:
        serve(selector, 0.05)
    serve(selector, 0)
    _signal_all(signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
