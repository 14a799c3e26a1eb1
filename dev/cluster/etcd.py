"""etcd, one member, reachable with a certificate of this cluster only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dev.cluster.certs import LOOPBACK, Authority, KeyPair
from dev.cluster.health import Probe
from dev.cluster.process import Child
from dev.cluster.start import Launch

READY_SECONDS = 30.0


@dataclass(frozen=True)
class Etcd:
    child: Child
    url: str
    client: KeyPair


def start_etcd(launch: Launch, binary: Path, authority: Authority) -> Etcd:
    """Starts it on a free port; no cluster outlives a stop, so durability is given for speed."""
    server = authority.issue("etcd", "etcd")
    client = authority.issue("etcd-client", "kube-apiserver")
    with launch.port() as port:
        url = f"https://{LOOPBACK}:{port}"
        child = launch.start(
            "etcd",
            [
                str(binary),
                "--name=dev",
                f"--data-dir={launch.directory / 'etcd'}",
                f"--listen-client-urls={url}",
                f"--advertise-client-urls={url}",
                f"--listen-peer-urls=https://{LOOPBACK}:0",
                f"--trusted-ca-file={authority.certificate}",
                f"--cert-file={server.certificate}",
                f"--key-file={server.key}",
                "--client-cert-auth",
                f"--peer-trusted-ca-file={authority.certificate}",
                f"--peer-cert-file={server.certificate}",
                f"--peer-key-file={server.key}",
                "--peer-client-cert-auth",
                "--socket-reuse-port",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        )
        child.wait_until(Probe(authority, client, port, "/health"), READY_SECONDS)
    return Etcd(child, url, client)
