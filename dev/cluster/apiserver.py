"""kube-apiserver with RBAC, strict TLS and its own service account issuer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dev.cluster.certs import LOOPBACK, Authority, KeyPair
from dev.cluster.etcd import Etcd
from dev.cluster.health import Probe
from dev.cluster.process import Child
from dev.cluster.start import Launch

READY_SECONDS = 60.0
ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class ApiServer:
    child: Child
    url: str
    port: int
    service_account_key: Path


def start_apiserver(
    launch: Launch,
    binary: Path,
    authority: Authority,
    etcd: Etcd,
    admin: KeyPair,
    port: int | None = None,
) -> ApiServer:
    """Starts it on a free port (or `port`) and waits for /readyz."""
    issuer = authority.signing_key("service-accounts")
    with launch.port(port) as bound:
        child = launch.start(
            "kube-apiserver",
            [
                str(binary),
                f"--bind-address={LOOPBACK}",
                f"--advertise-address={LOOPBACK}",
                f"--secure-port={bound}",
                *(["--permit-port-sharing"] if port is None else []),
                *_tls(authority),
                *_etcd(authority, etcd),
                f"--service-account-issuer={ISSUER}",
                f"--service-account-key-file={issuer}",
                f"--service-account-signing-key-file={issuer}",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--shutdown-delay-duration=0s",
                "--profiling=false",
            ],
        )
        child.wait_until(Probe(authority, admin, bound, "/readyz"), READY_SECONDS)
    return ApiServer(child, f"https://{LOOPBACK}:{bound}", bound, issuer)


def _tls(authority: Authority) -> list[str]:
    server = authority.issue("kube-apiserver", "kube-apiserver")
    return [
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={authority.certificate}",
    ]


def _etcd(authority: Authority, etcd: Etcd) -> list[str]:
    return [
        f"--etcd-servers={etcd.url}",
        f"--etcd-cafile={authority.certificate}",
        f"--etcd-certfile={etcd.client.certificate}",
        f"--etcd-keyfile={etcd.client.key}",
    ]
