"""Conditions: wanted ones as data, merged with what stands so that times move only on change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchcompute.vocabulary import ConditionType, Reason

MESSAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """One wanted condition; ``status`` is true or false, as every owned condition is known."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str = ""


def merge(
    previous: Sequence[Mapping[str, Any]],
    wanted: Iterable[Condition],
    generation: int,
    now: str,
) -> list[dict[str, Any]]:
    """The list to store: ``lastTransitionTime`` is kept while the status stays the same."""
    known = {condition.get("type"): condition for condition in previous}
    return [_stored(condition, known.get(condition.type), generation, now) for condition in wanted]


def _stored(
    condition: Condition, old: Mapping[str, Any] | None, generation: int, now: str
) -> dict[str, Any]:
    status = "True" if condition.status else "False"
    same = old is not None and old.get("status") == status
    return {
        "type": str(condition.type),
        "status": status,
        "reason": str(condition.reason),
        "message": cut(condition.message, MESSAGE_LIMIT),
        "observedGeneration": generation,
        "lastTransitionTime": old["lastTransitionTime"] if same and old is not None else now,
    }


def cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, never half a character."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode(errors="ignore") + "..."
