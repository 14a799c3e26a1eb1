"""kube-controller-manager: the controllers that an operator leans on, and no more."""

from __future__ import annotations

from pathlib import Path

from dev.cluster.apiserver import ApiServer
from dev.cluster.certs import LOOPBACK, Authority, KeyPair
from dev.cluster.health import Probe
from dev.cluster.kubeconfig import with_certificate, write_kubeconfig
from dev.cluster.process import Child
from dev.cluster.start import Launch

READY_SECONDS = 30.0
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
)


def start_controller_manager(
    launch: Launch,
    binary: Path,
    authority: Authority,
    server: ApiServer,
    admin: KeyPair,
) -> Child:
    """Starts it against `server` and waits for /healthz."""
    own = authority.issue("kube-controller-manager", "system:kube-controller-manager")
    kubeconfig = launch.directory / "kube-controller-manager.kubeconfig"
    write_kubeconfig(kubeconfig, server.url, authority.certificate, with_certificate(own))
    with launch.port() as port:
        child = launch.start(
            "kube-controller-manager",
            [
                str(binary),
                f"--kubeconfig={kubeconfig}",
                f"--controllers={','.join(CONTROLLERS)}",
                f"--bind-address={LOOPBACK}",
                f"--secure-port={port}",
                "--permit-port-sharing",
                f"--tls-cert-file={own.certificate}",
                f"--tls-private-key-file={own.key}",
                f"--client-ca-file={authority.certificate}",
                f"--root-ca-file={authority.certificate}",
                f"--service-account-private-key-file={server.service_account_key}",
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--profiling=false",
            ],
        )
        child.wait_until(Probe(authority, admin, port, "/healthz"), READY_SECONDS)
    return child
