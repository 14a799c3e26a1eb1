"""Credentials of service accounts: nothing of ours but the tests' set-up runs as admin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import yaml

from dev.cluster.kubectl import run_kubectl

TOKEN_LIFE = "720h"  # longer than any development cluster lives


class Reachable(Protocol):
    @property
    def kubeconfig(self) -> Path: ...


def service_account_kubeconfig(cluster: Reachable, namespace: str, name: str, path: Path) -> Path:
    """Writes a kubeconfig that speaks as `system:serviceaccount:<namespace>:<name>`.

    The account must exist. The token comes from the TokenRequest API.
    """
    said = run_kubectl(
        cluster.kubeconfig, "create", "token", name, "-n", namespace, f"--duration={TOKEN_LIFE}"
    )
    if said.returncode:
        raise RuntimeError(f"no token for {namespace}/{name}: {said.stderr.strip()}")
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": name, "user": {"token": said.stdout.strip()}}]
    (context,) = config["contexts"]
    context["context"].update(user=name, namespace=namespace)
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2) + "\n")
    return path
