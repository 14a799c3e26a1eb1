"""The real runner process on this host: its own state folder, bucket and metadata service.

The operator's own builders make what it reads, so these tests hold both sides together.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import batchcompute.runner
from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.grants import Granter
from batchcompute.mailbox.inbound import Beat, Result, parse_beat, parse_result
from batchcompute.mailbox.layout import Layout
from batchcompute.mailbox.records import (
    Box,
    Cancel,
    Deadlines,
    Directory,
    DirSlot,
    DirState,
    Run,
    SlotKind,
)
from batchcompute.mailbox.signing import KeyTime
from tests.support.bucket import Bucket

SOURCE = Path(batchcompute.runner.__file__).with_name("runner.py")
WS = "ws-1250000000.cos.ap-guangzhou.myqcloud.com"
DATA = "data-1250000000.cos.ap-guangzhou.myqcloud.com"
PUT, GET, USER = Credential("P", "put-key"), Credential("G", "get-key"), Credential("U", "user-key")
SECRETS = {"P": "put-key", "G": "get-key", "U": "user-key"}
LAUNCH, MID, RID = "0000000001-aaaaaa", "0000000001-aaaaaa-000", "0000000001-aaaaaa-000.0"
ATTEMPT = "jobs/team-a/wc.12345678/count/3/0/"
LAYOUT = Layout.of("batch", "0a1b2c3d")
INSTANCE = "ins-0a1b2c3d"
LIMITS = Deadlines(setup=30, command=30, upload=30, grace=1)
ENV = {"BATCH_JOB_ID": "12345678-90ab", "BATCH_TASK_INSTANCE_INDEX": "3", "BATCH_TASK_ATTEMPT": "0"}


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true answer of ``condition``; fails with ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class MetadataService:
    """Plain values under a path; a missing one is 404."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                value = outer.values.get(self.path.strip("/"))
                self.send_response(404 if value is None else 200)
                self.end_headers()
                self.wfile.write((value or "").encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Host:
    """A machine as the runner sees it."""

    def __init__(self, folder: Path, cgroup: str = "") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.cgroup = cgroup
        self.bucket = Bucket(SECRETS)
        self.metadata = MetadataService({"instance-id": INSTANCE})
        self.processes: list[subprocess.Popen[bytes]] = []
        self.granter = self.grants(86400)
        self.rev = 0
        self.state.mkdir()

    def grants(self, life: float) -> Granter:
        now = int(time.time())
        span = KeyTime(now - 300, now + int(life))
        return Granter.of(LAYOUT, f"http://{WS}", PUT, GET, span, span)

    def run(self, limits: Deadlines = LIMITS, *, gang: bool = False) -> Run:
        sig = self.granter.run(RID, ATTEMPT)
        return Run(0, ATTEMPT, "t", ENV, limits, sig, gang)

    def direct(self, task: Definition, limits: Deadlines = LIMITS, *, gang: bool = False) -> None:
        """Writes what the operator writes before a machine boots."""
        slot = DirSlot(
            INSTANCE, MID, SlotKind.RUN, self.granter.box_get(MID), self.run(limits, gang=gang)
        )
        directory = Directory(
            LAUNCH,
            DirState.BOUND,
            f"http://{WS}",
            self.granter.put_grant,
            self.granter.get_grant,
            1,
            {"t": task},
            [slot],
        )
        self.bucket.put(WS, LAYOUT.directory(LAUNCH), directory.encode())

    def box(self, **content: Any) -> None:
        """Writes the next revision of the machine's box."""
        self.rev += 1
        self.bucket.put(WS, LAYOUT.box(MID), replace(Box(MID, self.rev), **content).encode())

    def renew(self, life: float, **content: Any) -> None:
        """New grants through the box, as at half life."""
        self.granter = self.grants(life)
        self.box(
            put=self.granter.put_grant,
            get=self.granter.get_grant,
            box_get=self.granter.box_get(MID),
            run=self.run(),
            **content,
        )

    def cancel(self) -> None:
        self.box(cancel=Cancel(0, "Terminated"))

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the runner, as the boot script or its restart would."""
        urls = self.granter.boot(LAUNCH, "ab" * 32)
        lines = f"launch={LAUNCH}\ndir={urls.directory}\nfail={urls.fail}\ndeadline=60\n"
        (self.state / "boot").write_text(lines)
        env = {
            **os.environ,
            "http_proxy": self.bucket.url,
            "no_proxy": "",
            "BATCHCOMPUTE_STATE": str(self.state),
            "BATCHCOMPUTE_METADATA": self.metadata.url,
            "BATCHCOMPUTE_CGROUP": self.cgroup,
            "BATCHCOMPUTE_POWEROFF": f"touch {self.folder}/powered-off",
        }
        with (self.folder / "runner.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-E", "-s", str(SOURCE)], env=env, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def result(self, seconds: float = 20) -> Result:
        """``done``, once it is there; the same bytes lie in ``result.json``."""
        key = LAYOUT.done(RID)
        body = wait_for(f"{key}; {self.log()[-3000:]}", lambda: self.bucket.get(WS, key), seconds)
        assert isinstance(body, bytes)
        return parse_result(body)

    def finish(self, seconds: float = 20) -> Result:
        """Starts the runner and waits for its result."""
        self.start()
        return self.result(seconds)

    def beats(self, phase: int) -> list[Beat]:
        return [parse_beat(body) for body in self.bucket.history(WS, LAYOUT.live(RID, phase))]

    def stream(self, name: str) -> bytes:
        """All segments of a stream, joined."""
        found = self.bucket.under(WS, f"{LAYOUT.prefix}{ATTEMPT}{name}.")
        return b"".join(found[key] for key in sorted(found))

    def log(self) -> str:
        path = self.folder / "runner.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def order(self) -> list[str]:
        """First successful PUT of each key, in order, without the prefix."""
        seen = dict.fromkeys(
            request.key.removeprefix(LAYOUT.prefix)
            for request in self.bucket.requests
            if request.method == "PUT"
        )
        return list(seen)

    def running(self) -> int | None:
        """The command's pid, once it runs."""
        try:
            content = json.loads((self.state / "run/0/running.json").read_text())
        except FileNotFoundError:
            return None
        return int(content["pid"])

    def shim(self) -> int:
        return int((self.state / "run/0/shim.lock").read_text())

    def shim_again(self) -> int:
        """Runs a late shim to its end; its exit code."""
        command = [sys.executable, str(SOURCE), "shim", str(self.state / "run/0")]
        return subprocess.run(command, timeout=20, check=False).returncode

    def close(self) -> None:
        for process in self.processes:
            self.kill(process)
        for pid in self._left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.bucket.close()
        self.metadata.close()

    def _left(self) -> list[int]:
        """Processes of this host that outlived the runner: shims and commands."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (
                    (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
                )
            except OSError:
                continue
            if str(self.state).encode() in words:
                found.append(int(folder.name))
        return found


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
