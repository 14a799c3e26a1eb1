"""One cluster: started whole or not at all, stopped without a trace."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.apiserver import start_apiserver
from dev.cluster.build import binaries
from dev.cluster.certs import Authority
from dev.cluster.controllermanager import start_controller_manager
from dev.cluster.etcd import start_etcd
from dev.cluster.kubeconfig import with_certificate, write_kubeconfig
from dev.cluster.kubectl import run_kubectl
from dev.cluster.process import ProcessId
from dev.cluster.start import Launch


@dataclass(frozen=True)
class ClientConfig:
    """What a client needs to speak as the admin: URL and PEM files."""

    server: str
    authority: Path
    certificate: Path
    key: Path

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        return context


class Cluster:
    """A running control plane. `kubeconfig` and `admin_client_config` are the admin's."""

    def __init__(
        self, launch: Launch, url: str, kubeconfig: Path, admin_client_config: ClientConfig
    ) -> None:
        self._launch = launch
        self.directory = launch.directory
        self.url = url
        self.kubeconfig = kubeconfig
        self.admin_client_config = admin_client_config

    @classmethod
    def start(
        cls, directory: Path, *, dies_with_owner: bool = True, port: int | None = None
    ) -> Cluster:
        """Builds the programs if need be, starts them in `directory` and waits until all are ready.

        `dies_with_owner`: the children are killed when the calling process ends, however it ends
        (call it in the main thread); else they outlive it until `stop` or their `processes` end.
        `port`: of the API server, instead of a free one.

        Raises StartError (nothing is left running) or CannotBuild.
        """
        programs = binaries()
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        launch = Launch(directory, dies_with_owner)
        try:
            authority = Authority(directory / "pki")
            admin = authority.issue("admin", "admin", "system:masters")
            etcd = start_etcd(launch, programs / "etcd", authority)
            server = start_apiserver(
                launch, programs / "kube-apiserver", authority, etcd, admin, port
            )
            start_controller_manager(
                launch, programs / "kube-controller-manager", authority, server, admin
            )
        except BaseException:
            launch.stop()
            raise
        kubeconfig = directory / "admin.kubeconfig"
        write_kubeconfig(kubeconfig, server.url, authority.certificate, with_certificate(admin))
        config = ClientConfig(server.url, authority.certificate, admin.certificate, admin.key)
        return cls(launch, server.url, kubeconfig, config)

    @property
    def processes(self) -> Mapping[str, ProcessId]:
        """The children by name, in the order of their start."""
        return {child.name: child.identity for child in self._launch.children}

    @property
    def pids(self) -> Mapping[str, int]:
        return {name: process.pid for name, process in self.processes.items()}

    def check(self) -> None:
        """Raises StartError when a child has ended."""
        self._launch.check()

    def kubectl(self, *args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """kubectl as the admin."""
        return run_kubectl(self.kubeconfig, *args, input=input)

    def stop(self) -> None:
        """Ends every child and removes all of the folder but its logs."""
        self._launch.stop()
        clean(self.directory)


def clean(directory: Path) -> None:
    """Removes what a stopped cluster leaves in its folder, all but the logs."""
    for left in (directory / "etcd", directory / "pki", directory / "kubectl-cache"):
        shutil.rmtree(left, ignore_errors=True)
    for kubeconfig in directory.glob("*.kubeconfig"):
        kubeconfig.unlink()
