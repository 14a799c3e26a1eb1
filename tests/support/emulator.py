"""An emulator of the cloud as a process of its own, for tests.

In a conftest or test module:

    emulator = emulator_fixture(scope="module", pending_seconds=0.2)

    def test_it(emulator: Emulator) -> None: ...
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "emulator" / "src"
START_SECONDS = 30.0
STOP_SECONDS = 20.0


class EmulatorFailed(Exception):
    """It ended before it served; the message has what it said."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator. `ready` is its ready file; the keys are those of the operator."""

    ready: dict[str, Any]
    state_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:port` of the cloud."""
        return str(self.ready["endpoint"])

    @property
    def address(self) -> str:
        """`127.0.0.1:port` of the cloud."""
        return self.endpoint.removeprefix("http://")

    @property
    def control(self) -> str:
        """`http://127.0.0.1:port` of the control API."""
        return str(self.ready["control"])

    @property
    def secret_id(self) -> str:
        return str(self.ready["secretId"])

    @property
    def secret_key(self) -> str:
        return str(self.ready["secretKey"])

    def calls(self, action: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """The call log; of one action or of a service (`cos:*`)."""
        query = f"?since={since}" + (f"&action={action}" if action else "")
        return self._lines(f"/calls{query}")

    def counts(self) -> dict[str, dict[str, int]]:
        """action -> code -> number of calls."""
        counts: dict[str, dict[str, int]] = self.ask("GET", "/counts")
        return counts

    def machines(self) -> list[dict[str, Any]]:
        return self._lines("/machines")

    def machine(self, instance_id: str) -> dict[str, Any]:
        record: dict[str, Any] = self.ask("GET", f"/machines/{instance_id}")
        return record

    def do(self, instance_id: str, deed: str, **wanted: object) -> dict[str, Any]:
        """kill, panic, thaw, reclaim or vanish."""
        record: dict[str, Any] = self.ask("POST", f"/machines/{instance_id}/{deed}", wanted)
        return record

    def fault(self, action: str, **wanted: object) -> None:
        """`code=`, `status=`, `lose_reply=True`, ...; `count=` calls."""
        self.ask("POST", "/faults", {"action": action, **wanted})

    def settings(self, **wanted: object) -> None:
        """Knobs by their camelCase names; `reset` puts them back."""
        self.ask("POST", "/settings", wanted)

    def reset(self) -> None:
        self.ask("POST", "/reset")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One call of the control API; the JSON it answers. Raises urllib.error.HTTPError."""
        return json.loads(self._send(method, path, body))

    def _lines(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._send("GET", path).splitlines()]

    def _send(self, method: str, path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control}{path}", data=data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as reply:
            content: bytes = reply.read()
        return content


@contextlib.contextmanager
def running_emulator(
    state_dir: Path | None = None,
    *,
    machines: str = "light",
    pending_seconds: float = 0.2,
    terminating_seconds: float = 0.2,
    arguments: tuple[str, ...] = (),
) -> Iterator[Emulator]:
    """Starts one on free ports and stops it at the end; its state is kept only if named."""
    with contextlib.ExitStack() as stack:
        if state_dir is None:
            made = tempfile.TemporaryDirectory(prefix="emulator-", ignore_cleanup_errors=True)
            state_dir = Path(stack.enter_context(made))
        state_dir.mkdir(parents=True, exist_ok=True)
        ready_file, log = state_dir / "ready.json", state_dir / "emulator.log"
        ready_file.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "tencentcloud_emulator", "serve", "--with-parent",
            "--state-dir", str(state_dir), "--ready-file", str(ready_file),
            "--machines", machines, "--pending-seconds", str(pending_seconds),
            "--terminating-seconds", str(terminating_seconds), *arguments,
        ]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
            )
        stack.callback(_stop, process)
        yield Emulator(_wait_ready(process, ready_file, log), state_dir, process)


def emulator_fixture(scope: Any = "module", **options: Any) -> Callable[..., Iterator[Emulator]]:
    """A fixture `emulator`, started once in its scope; options as of `running_emulator`."""

    @pytest.fixture(scope=scope, name="emulator")
    def fixture() -> Iterator[Emulator]:
        with running_emulator(**options) as emulator:
            yield emulator

    return fixture


def _wait_ready(process: subprocess.Popen[bytes], ready_file: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready_file.exists():
            ready: dict[str, Any] = json.loads(ready_file.read_text())
            return ready
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise EmulatorFailed(log.read_text(errors="replace")[-4000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
