"""CRDs and roles into a cluster, and the operator's own credentials out of it."""

from __future__ import annotations

from pathlib import Path

from dev.cluster.accounts import service_account_kubeconfig
from dev.cluster.kubectl import forget_discovery, run_kubectl
from dev.generate.rbac import ACCOUNT, NAMESPACE
from dev.stack.paths import CRDS, INSTALL


class InstallError(Exception):
    """kubectl refused; the text is its own."""


def install(kubeconfig: Path, into: Path) -> Path:
    """Applies crds/ and manifests/install/ as admin; returns the kubeconfig of the operator.

    It speaks as the operator's service account, whose role is all that it may do.
    """
    _kubectl(kubeconfig, "apply", "--server-side", "-f", str(CRDS), "-f", str(INSTALL))
    _kubectl(kubeconfig, "wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    forget_discovery(kubeconfig)
    return service_account_kubeconfig(
        _Admin(kubeconfig), NAMESPACE, ACCOUNT, into / "operator.kubeconfig"
    )


class _Admin:
    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig


def _kubectl(kubeconfig: Path, *args: str) -> None:
    said = run_kubectl(kubeconfig, *args)
    if said.returncode:
        raise InstallError(f"kubectl {' '.join(args)}: {said.stderr.strip()}")
