"""Which cluster a stack runs on: our own, or kind's with CLUSTER=kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dev.cluster.build import binaries
from dev.cluster.cluster import Cluster
from dev.cluster.kind import KindCluster, require_engine
from dev.stack.stack import AnyCluster


def prepare() -> Callable[[Path], AnyCluster]:
    """Does what takes long or may be refused, and returns what starts a cluster in a folder.

    Raises CannotBuild with one sentence.
    """
    if os.environ.get("CLUSTER") == "kind":
        require_engine()
        return KindCluster.start
    binaries()
    return Cluster.start
