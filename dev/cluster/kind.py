"""CLUSTER=kind: the same cluster out of kind, where a container engine answers."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from dev.cluster.build import KUBERNETES, CannotBuild
from dev.cluster.kubectl import run_kubectl

READY = "120s"
MARK = "made-by-kind"  # in the folder of a cluster that kind was asked for


class KindCluster:
    """`kind create cluster` under a name of the folder's own; `stop` deletes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kubeconfig = directory / "admin.kubeconfig"
        self.name = _name(directory)
        self._mark = directory / MARK

    @classmethod
    def start(cls, directory: Path) -> KindCluster:
        """Raises CannotBuild with one sentence when no engine answers or kind is not there."""
        require_engine()
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        cluster = cls(directory)
        cluster._mark.touch()
        cluster._kind(
            "create",
            "cluster",
            f"--name={cluster.name}",
            f"--image=kindest/node:{KUBERNETES}",
            f"--kubeconfig={cluster.kubeconfig}",
            f"--wait={READY}",
        )
        return cluster

    def kubectl(self, *args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl as the admin."""
        return run_kubectl(self.kubeconfig, *args, input=input)

    def stop(self) -> None:
        self._kind("delete", "cluster", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")
        self.kubeconfig.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)

    def _kind(self, *args: str) -> None:
        said = subprocess.run(
            ["kind", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if said.returncode:
            raise CannotBuild(f"kind {args[0]} {args[1]} failed: {said.stderr.strip()}")


def delete_left(directory: Path) -> None:
    """Deletes the cluster of a folder whose owner has crashed; nothing when there was none."""
    if (directory / MARK).exists():
        KindCluster(directory).stop()


def require_engine() -> None:
    """`docker` may be there without an engine: only an answer counts."""
    for argv, need in (
        (["docker", "info"], "CLUSTER=kind needs a container engine that answers `docker info`"),
        (["kind", "version"], "CLUSTER=kind needs kind on PATH"),
    ):
        try:
            said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise CannotBuild(need) from error
        if said.returncode:
            raise CannotBuild(need)


def _name(directory: Path) -> str:
    digest = hashlib.sha256(str(directory.absolute()).encode()).hexdigest()
    return f"batchcompute-{digest[:12]}"
