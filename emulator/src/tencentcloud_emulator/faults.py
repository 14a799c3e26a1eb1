"""Faults that were asked for: calls that fail, replies that are lost, launches that fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

KINDS: Mapping[str, type | tuple[type, ...]] = {
    "action": str,
    "count": int,
    "code": str,
    "message": str,
    "status": int,
    "lose_reply": bool,
    "cut_reply": bool,
    "hang": (int, float),
    "corrupt": bool,
    "launch_failed": bool,
    "region": str,
    "where": Mapping,
    "after": int,
}


class MalformedFault(Exception):
    """The fault asked for is none."""


@dataclass(slots=True)
class Fault:
    """What happens to the next `count` calls that match.

    Exactly one effect: `code` (the call fails with the cloud's error and has no effect),
    `status` (the same as a bare HTTP status), `lose_reply` (the effect is done, the connection
    is closed without a reply), `cut_reply` (done, and the body breaks off half-way), `hang`
    (done, and the reply comes so many seconds late), `corrupt` (the first byte of the body that an
    upload to COS sends is changed on its way), `launch_failed` (each instance of the next
    RunInstances calls, `count` instances, ends in LAUNCH_FAILED).
    """

    action: str
    count: int = 1
    code: str | None = None
    message: str = ""
    status: int | None = None
    lose_reply: bool = False
    cut_reply: bool = False
    hang: float = 0.0
    corrupt: bool = False
    launch_failed: bool = False
    region: str | None = None
    where: Mapping[str, object] = field(default_factory=dict)
    """Dotted parameter -> value it must have (`Placement.Zone`)."""
    after: int = 0
    """So many matching calls pass first."""

    @property
    def before_effect(self) -> bool:
        return self.code is not None or self.status is not None

    def matches(self, action: str, region: str, parameters: Mapping[str, object]) -> bool:
        if not (
            self.action == action
            or (self.action[-1:] == "*" and action.startswith(self.action[:-1]))
        ):
            return False
        if self.region is not None and self.region != region:
            return False
        return all(_lookup(parameters, path) == value for path, value in self.where.items())

    @classmethod
    def parse(cls, wanted: Mapping[str, object]) -> Fault:
        """Reads `{action, code, count, lose_reply, ...}`; raises MalformedFault."""
        for key, value in wanted.items():
            if key not in KINDS:
                raise MalformedFault(f"a fault has no {key}")
            if not isinstance(value, KINDS[key]):
                raise MalformedFault(f"{key} cannot be {value!r}")
        given = {"action": "RunInstances", **wanted} if wanted.get("launch_failed") else {**wanted}
        if "action" not in given:
            raise MalformedFault("a fault needs an action")
        fault = cls(**cast(Any, given))
        effects = [
            fault.code,
            fault.status,
            fault.lose_reply,
            fault.cut_reply,
            fault.hang,
            fault.corrupt,
            fault.launch_failed,
        ]
        if sum(map(bool, effects)) != 1:
            raise MalformedFault(
                "a fault has one of code, status, lose_reply, cut_reply, hang, corrupt, "
                "launch_failed"
            )
        return fault

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}


class Faults:
    """The faults that are still to come, and the stock that is left."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self.stock: dict[tuple[str, str], int] = {}
        """(zone, instance type; `*` any) -> instances left. Absent: no limit."""

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def take(self, action: str, region: str, parameters: Mapping[str, object]) -> Fault | None:
        """The fault this call meets, counted down; the caller then does as it says.

        COS asks with `cos:PutObject` and {"Bucket": .., "Key": ..}. Launch failures are not met
        by calls: see `take_launch_failure`.
        """
        for fault in self.pending:
            if not fault.launch_failed and fault.matches(action, region, parameters):
                if fault.after > 0:
                    fault.after -= 1
                    continue
                self._count_down(fault)
                return fault
        return None

    def take_launch_failure(self, region: str, parameters: Mapping[str, object]) -> str | None:
        """The message with which the next instance fails to launch, if it shall."""
        for fault in self.pending:
            if fault.launch_failed and fault.matches("RunInstances", region, parameters):
                self._count_down(fault)
                return fault.message or "the instance could not be created"
        return None

    def clear(self) -> None:
        self.pending.clear()
        self.stock.clear()

    def _count_down(self, fault: Fault) -> None:
        fault.count -= 1
        if fault.count <= 0:
            self.pending.remove(fault)


def _lookup(parameters: Mapping[str, object], path: str) -> object:
    value: object = parameters
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
