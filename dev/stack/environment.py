"""Environments of the children: each gets what it needs of ours and no key that is not its own."""

from __future__ import annotations

import os

from dev.cluster.kubectl import no_proxy
from dev.stack.paths import ROOT

SOURCES = ("operator/src", "emulator/src")
# Whoever works on a real account has these set; no child may take them for its own.
_NOT_INHERITED = ("TENCENTCLOUD_", "KUBE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def child_environment(**own: str) -> dict[str, str]:
    """Ours without credentials, kubeconfig and proxies, plus `own`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_NOT_INHERITED)
    }
    path = os.pathsep.join(str(ROOT / source) for source in SOURCES)
    return {
        **kept,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": no_proxy(),
        **own,
    }
