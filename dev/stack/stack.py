"""The whole: a cluster, an emulated cloud and the operator between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from dev.cluster.cluster import Cluster, clean
from dev.cluster.interrupts import held
from dev.cluster.kind import delete_left
from dev.cluster.process import Child, ProcessId
from dev.cluster.start import Launch
from dev.stack.cloud import DEFAULT_PACE, Cloud, Pace, launch_cloud, wait_for_cloud
from dev.stack.cloud import STOP_SECONDS as CLOUD_STOP_SECONDS
from dev.stack.install import install
from dev.stack.operator_process import STOP_SECONDS as OPERATOR_STOP_SECONDS
from dev.stack.operator_process import launch_operator, start_operator
from tencentcloud_emulator.machines import traces


class AnyCluster(Protocol):
    @property
    def kubeconfig(self) -> Path: ...

    def stop(self) -> None: ...


def _silent(_: str) -> None:
    return


class Stack:
    """Started whole or not at all. `cluster.kubeconfig` is the admin's, `cloud` has the account."""

    def __init__(self, directory: Path, overrides: Mapping[str, Any]) -> None:
        self.directory = directory.absolute()
        self._overrides = overrides
        self._launch = Launch(self.directory)
        self._owned: AnyCluster | None = None
        self.cluster: AnyCluster
        self.cloud: Cloud
        self.operator: Child
        self._operator_kubeconfig: Path

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        cluster: AnyCluster | None = None,
        make_cluster: Callable[[Path], AnyCluster] = Cluster.start,
        pace: Pace = DEFAULT_PACE,
        settings: Mapping[str, Any] | None = None,
        say: Callable[[str], None] = _silent,
    ) -> Stack:
        """Starts everything in `directory`, with a cluster of its own unless one is given.

        `settings` are merged into the operator's. Call it in the main thread: the children end
        when it does. Raises StartError, InstallError or CannotBuild; then nothing is left running.
        """
        stack = cls(directory, settings or {})
        stack.directory.mkdir(parents=True, exist_ok=True)
        try:
            emulator = launch_cloud(stack._launch, pace)
            if cluster is None:
                cluster = stack._owned = make_cluster(stack.directory / "cluster")
            stack.cluster = cluster
            say("cluster ready")
            stack.cloud = wait_for_cloud(emulator, stack.directory)
            say("emulated cloud ready")
            stack._operator_kubeconfig = install(cluster.kubeconfig, stack.directory)
            stack.start_operator()
            say("operator ready")
        except BaseException:
            stack.stop()
            raise
        return stack

    def start_operator(self) -> None:
        """Starts the operator (again); its log is continued."""
        self._forget_operator()
        self.operator = start_operator(
            self._launch, self._operator_kubeconfig, self.cloud, self._overrides
        )

    def launch_operator(self) -> None:
        """As `start_operator`, without waiting: it may be killed while it starts."""
        self._forget_operator()
        self.operator, _ = launch_operator(
            self._launch, self._operator_kubeconfig, self.cloud, self._overrides
        )

    def _forget_operator(self) -> None:
        self._launch.children = [c for c in self._launch.children if c.name != "operator"]

    @property
    def processes(self) -> Mapping[str, ProcessId]:
        """All children by name, those of an own cluster among them."""
        own = {child.name: child.identity for child in self._launch.children}
        theirs = self._owned.processes if isinstance(self._owned, Cluster) else {}
        return {**theirs, **own}

    def check(self) -> None:
        """Raises StartError when cloud or cluster have ended (the operator may: restart it)."""
        self.cloud.child.check()
        if isinstance(self._owned, Cluster):
            self._owned.check()

    def stop(self) -> None:
        """Ends operator, cloud (with its machines) and cluster; leaves the logs alone behind."""
        with held():
            for child in reversed(self._launch.children):
                child.stop(
                    OPERATOR_STOP_SECONDS if child.name == "operator" else CLOUD_STOP_SECONDS
                )
            self._launch.children.clear()
            if self._owned is not None:
                self._owned.stop()
                self._owned = None
            remove_state(self.directory)


def remove_state(directory: Path) -> None:
    """Removes what a stopped stack leaves in its folder, all but the logs."""
    delete_left(directory / "cluster")
    clean(directory / "cluster")
    shutil.rmtree(directory / "kubectl-cache", ignore_errors=True)
    cloud = directory / "cloud"
    if cloud.exists():
        traces.sweep(cloud)  # a killed emulator leaves groups and roots of machines
        shutil.rmtree(cloud)
    for file in ("cloud-ready.json", "operator-settings.yaml", "operator.kubeconfig"):
        (directory / file).unlink(missing_ok=True)
