"""Names of a batch: `{R:x}`, `{R:x,F:y}` and `{IP}`, or suffixes 1..n without a pattern."""

from __future__ import annotations

import re

from .errors import ApiError

NUMBER = re.compile(r"\{R:(\d{1,9})(?:,F:([0-8]))?\}")
HOST_NAME = re.compile(r"(?=.{2,60}$)[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*")
UNNAMED = "未命名"


def instance_name(pattern: str, index: int, count: int) -> str:
    """The display name of the instance `index` (from 0) of `count`."""
    return _numbered(pattern, index, count) if pattern else UNNAMED


def host_name(pattern: str, index: int, count: int, private_ip: str) -> str:
    """The host name; without a pattern `VM-<x>-<y>-debian` by the last numbers of its address."""
    if not pattern:
        x, y = private_ip.split(".")[2:]
        return f"VM-{x}-{y}-debian"
    return _numbered(pattern.replace("{IP}", private_ip), index, count, "{IP}" in pattern)


def check(instance_pattern: str, host_pattern: str) -> None:
    """Raises what the cloud says to names it does not take."""
    if len(instance_pattern) > 128:
        raise ApiError("InvalidInstanceName.TooLong", "`InstanceName` is over 128 characters.")
    if host_pattern and not HOST_NAME.fullmatch(host_name(host_pattern, 0, 1, "10.0.0.1")):
        raise ApiError(
            "InvalidParameterValue.IllegalHostName",
            "`HostName` is 2 to 60 letters, digits, and single dots and hyphens between them.",
        )


def _numbered(pattern: str, index: int, count: int, distinct: bool = False) -> str:
    name, found = NUMBER.subn(lambda m: str(int(m[1]) + index).zfill(int(m[2] or 0)), pattern)
    return name if found or distinct or count == 1 else f"{name}{index + 1}"
