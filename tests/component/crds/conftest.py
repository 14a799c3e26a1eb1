"""The CRDs in a real API server, with no operator about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.cluster import Cluster
from dev.cluster.kubectl import forget_discovery
from tests.component.crds.server import Server

CRDS = Path(__file__).parents[3] / "crds"


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    """The API server with `crds/` applied and established."""
    applied = cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", str(CRDS))
    assert applied.returncode == 0, applied.stderr
    waited = cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS)
    )
    assert waited.returncode == 0, waited.stderr
    _discoverable(cluster)
    with Server.connect(cluster.admin_client_config) as connected:
        yield connected


def _discoverable(cluster: Cluster) -> None:
    """Established kinds reach discovery and OpenAPI a moment later."""
    deadline = time.monotonic() + 30.0
    while True:
        forget_discovery(cluster.kubeconfig)
        said = cluster.kubectl("explain", "bcn.status")
        if said.returncode == 0:
            return
        assert time.monotonic() < deadline, said.stderr
