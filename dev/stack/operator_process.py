"""The operator as a child process: its settings, its credentials, its readiness."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dev.cluster.certs import LOOPBACK
from dev.cluster.process import Child
from dev.cluster.start import Launch
from dev.stack.cloud import Cloud
from dev.stack.environment import child_environment

READY_SECONDS = 30.0
STOP_SECONDS = 15.0


def settings(cloud: Cloud, health_port: int, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A single-tenant operator against the emulated account; `overrides` are merged in."""
    role = f"qcs::cam::uin/{cloud.uin}:roleName/"
    base: dict[str, Any] = {
        "appId": cloud.app_id,
        "region": cloud.region,
        "identity": "dev",  # one operator a cluster: a restart takes its own Lease at once
        "endpoints": {"api": cloud.endpoint, "cos": cloud.endpoint},
        "workspace": {
            "url": f"cos://{cloud.workspace_bucket}/",
            "putSigner": {"roleArn": f"{role}BatchComputePut"},
            "getSigner": {"roleArn": f"{role}BatchComputeGet"},
        },
        "mailbox": {"beatSeconds": 5, "livePollSeconds": 2},
        "defaults": {"zone": f"{cloud.region}-3"},
        "permissions": [
            {
                "namespaces": ["*"],
                "buckets": ["*"],  # one tenant: any bucket but the workspace
                "regions": [cloud.region],
            }
        ],
        "healthPort": health_port,
    }
    return merged(base, overrides)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` into `base`, mapping by mapping; every other value is replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def start_operator(
    launch: Launch, kubeconfig: Path, cloud: Cloud, overrides: Mapping[str, Any]
) -> Child:
    """Starts it as its own service account and waits until it says it is ready."""
    child, port = launch_operator(launch, kubeconfig, cloud, overrides)
    child.wait_until(lambda: _not_ready(port), READY_SECONDS)
    return child


def launch_operator(
    launch: Launch, kubeconfig: Path, cloud: Cloud, overrides: Mapping[str, Any]
) -> tuple[Child, int]:
    """Starts it and does not wait; the port is that of its probes."""
    port = _free_port()
    file = launch.directory / "operator-settings.yaml"
    file.write_text(yaml.safe_dump(settings(cloud, port, overrides), sort_keys=False))
    child = launch.start(
        "operator",
        [sys.executable, "-m", "batchcompute", "run", "--settings", str(file)],
        env=child_environment(
            KUBECONFIG=str(kubeconfig),
            TENCENTCLOUD_SECRET_ID=cloud.secret_id,
            TENCENTCLOUD_SECRET_KEY=cloud.secret_key,
        ),
        on_owners_death=signal.SIGTERM,
    )
    return child, port


def _not_ready(port: int) -> str | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return None if answer.status == 200 else text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
