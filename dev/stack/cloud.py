"""The emulated cloud as a child process."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster.process import Child
from dev.cluster.start import Launch
from dev.stack.environment import child_environment

READY_SECONDS = 30.0
STOP_SECONDS = 30.0  # it ends its machines first


@dataclass(frozen=True)
class Pace:
    """How fast the cloud is: seconds to RUNNING, seconds to gone, processes or none."""

    pending_seconds: float = 1.0
    terminating_seconds: float = 1.0
    machines: str = "real"


DEFAULT_PACE = Pace()


@dataclass(frozen=True)
class Cloud:
    """A running emulator and the account that it starts with."""

    child: Child
    endpoint: str
    control: str
    secret_id: str
    secret_key: str = field(repr=False)
    app_id: str
    uin: str
    region: str
    workspace_bucket: str

    @property
    def address(self) -> str:
        """`host:port` of the endpoint."""
        return self.endpoint.partition("://")[2]


def launch_cloud(launch: Launch, pace: Pace) -> Child:
    """Starts it and does not wait; `wait_for_cloud` does."""
    argv = [sys.executable, "-m", "tencentcloud_emulator", "serve"]
    argv += ["--state-dir", str(launch.directory / "cloud"), "--port", "0", "--control-port", "0"]
    argv += ["--ready-file", str(_ready_file(launch.directory)), "--machines", pace.machines]
    argv += ["--pending-seconds", str(pace.pending_seconds)]
    argv += ["--terminating-seconds", str(pace.terminating_seconds)]
    _ready_file(launch.directory).unlink(missing_ok=True)
    return launch.start("emulator", argv, env=child_environment(), on_owners_death=signal.SIGTERM)


def wait_for_cloud(child: Child, directory: Path) -> Cloud:
    """Reads the ready file, once it is there. Raises StartError."""
    file = _ready_file(directory)
    child.wait_until(lambda: None if file.exists() else "no ready file yet", READY_SECONDS)
    ready = json.loads(file.read_text())
    return Cloud(
        child,
        endpoint=ready["endpoint"],
        control=ready["control"],
        secret_id=ready["secretId"],
        secret_key=ready["secretKey"],
        app_id=str(ready["appId"]),
        uin=str(ready["uin"]),
        region=ready["region"],
        workspace_bucket=ready["workspaceBucket"],
    )


def _ready_file(directory: Path) -> Path:
    return directory / "cloud-ready.json"
