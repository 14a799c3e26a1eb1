"""One API server per pytest session, and throw-away namespaces in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.cluster.cluster import Cluster


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster on free ports that dies with this process; its folder goes with it."""
    with tempfile.TemporaryDirectory(prefix="batchcompute-cluster-") as folder:
        cluster = Cluster.start(Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()
