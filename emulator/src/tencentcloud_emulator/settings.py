"""The knobs of the emulated cloud: delays, quotas, and behaviours nobody documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class UnknownSetting(Exception):
    """There is no such knob, or its value is of the wrong kind."""


@dataclass(slots=True)
class Settings:
    """All times in seconds. The control API names them in camelCase (`pendingSeconds`)."""

    pending_seconds: float = 5.0
    """From RunInstances to RUNNING (or LAUNCH_FAILED)."""
    terminating_seconds: float = 5.0
    """From TerminateInstances to absent."""
    launch_failed_seconds: float = 60.0
    """How long a LAUNCH_FAILED instance stays listed."""
    visible_after_seconds: float = 0.0
    """From RunInstances until DescribeInstances shows the instance."""
    tags_after_seconds: float = 0.0
    """From RunInstances until the tags are attached."""
    recycle_bin: bool = False
    """The first TerminateInstances only moves an instance to SHUTDOWN, a second destroys it."""
    token_mode: str = "strict"  # noqa: S105
    """A ClientToken with another request: `strict` refuses, `lax` gives the first result."""
    token_seconds: float = 7200.0
    """How long a ClientToken is remembered."""
    timer_min_seconds: float = 300.0
    """How far ahead an ActionTimer must be."""
    reclaim_seconds: float = 120.0
    """From the notice of a spot reclaim to the end of the machine."""
    skew_seconds: float = 300.0
    """How far a signature's time may be from the clock."""
    rate_limit_factor: float = 1.0
    """Multiplies the documented calls per second; 0 is no limit."""
    instance_quota: int = 20_000
    """Instances of all states per zone, spot apart."""
    spot_vcpu_quota: int = 40_000
    """vCPUs of spot instances per zone."""

    def change(self, wanted: Mapping[str, object]) -> None:
        """Sets knobs by their camelCase names; raises UnknownSetting and then changes none."""
        names = {_camel(f.name): f.name for f in fields(self)}
        defaults, changes = Settings(), {}
        for key, value in wanted.items():
            if key not in names:
                raise UnknownSetting(f"there is no setting {key}")
            changes[names[key]] = _like(key, getattr(defaults, names[key]), value)
        for name, value in changes.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, object]:
        return {_camel(f.name): getattr(self, f.name) for f in fields(self)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _like(key: str, default: Any, value: object) -> object:
    if isinstance(default, str):
        good = value in ("strict", "lax")
    elif isinstance(default, bool) or isinstance(value, bool):
        good = isinstance(default, bool) and isinstance(value, bool)
    else:
        whole = isinstance(default, int)
        good = isinstance(value, int if whole else (int, float)) and value >= 0
    if not good:
        raise UnknownSetting(f"{key} cannot be {value!r}")
    return type(default)(value)
