"""The names under which a shell finds what is up. They are a contract: none may go or change."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from dev.cluster.kubectl import kubectl_binary, no_proxy
from dev.stack.cloud import Cloud


def exports(kubeconfig: Path, cloud: Cloud, programs: Path) -> dict[str, str]:
    """Name to value; `programs` is a folder that gets kubectl, for PATH."""
    programs.mkdir(exist_ok=True)
    link = programs / "kubectl"
    link.unlink(missing_ok=True)
    link.symlink_to(kubectl_binary())
    return {
        "KUBECONFIG": str(kubeconfig),
        "TENCENTCLOUD_ENDPOINT": cloud.endpoint,
        "TENCENTCLOUD_SECRET_ID": cloud.secret_id,
        "TENCENTCLOUD_SECRET_KEY": cloud.secret_key,
        "TENCENTCLOUD_REGION": cloud.region,
        "COS_ENDPOINT": cloud.endpoint,
        "WORKSPACE_BUCKET": cloud.workspace_bucket,
        "EMULATOR_CONTROL": cloud.control,
        "NO_PROXY": no_proxy(),
        "PATH": str(programs),
    }


def shell_lines(values: Mapping[str, str]) -> str:
    """`export` lines for the asking shell: PATH and NO_PROXY are put before its own."""
    programs, path = values["PATH"], os.environ.get("PATH", "")
    if programs not in path.split(os.pathsep):
        path = os.pathsep.join(filter(None, [programs, path]))
    resolved = {**values, "PATH": path, "NO_PROXY": no_proxy()}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in resolved.items())
