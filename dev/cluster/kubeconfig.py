"""Kubeconfig files: the admin's, and those of service accounts."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from dev.cluster.certs import KeyPair


def write_kubeconfig(
    path: Path, url: str, authority: Path, user: Mapping[str, str], namespace: str = "default"
) -> None:
    """Writes a self-contained kubeconfig (JSON is YAML), readable by its owner only."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "dev",
                "cluster": {"server": url, "certificate-authority-data": encoded(authority)},
            }
        ],
        "users": [{"name": "dev", "user": dict(user)}],
        "contexts": [
            {"name": "dev", "context": {"cluster": "dev", "user": "dev", "namespace": namespace}}
        ],
        "current-context": "dev",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2) + "\n")


def with_certificate(pair: KeyPair) -> dict[str, str]:
    return {
        "client-certificate-data": encoded(pair.certificate),
        "client-key-data": encoded(pair.key),
    }


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
