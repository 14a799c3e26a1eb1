"""The stack of end-to-end tests: the session's cluster, an emulated cloud and the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.cluster import Cluster
from dev.stack.stack import Stack


@pytest.fixture(scope="module")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running operator against a cloud of the module's own; `stack.start_operator()` restarts."""
    directory: Path = tmp_path_factory.mktemp("stack")
    started = Stack.start(directory, cluster=cluster)
    try:
        yield started
    finally:
        started.stop()
