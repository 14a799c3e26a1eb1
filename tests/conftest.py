"""Fixtures for all tests, and the rule that nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.cluster.cluster import Cluster
from tests.support.cluster import running_cluster

pytest_plugins = ["tests.support.noskip"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's Kubernetes: `.kubeconfig`, `.url`, `.kubectl(...)`, `.admin_client_config`."""
    with running_cluster() as started:
        yield started
