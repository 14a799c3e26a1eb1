"""Reading a call's parameters, whose types the schema has checked already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from .errors import ApiError

INSTANCE_ID = re.compile(r"ins-[0-9a-z]{8}")


def text(parameters: Mapping[str, object], name: str) -> str:
    """A string, empty when absent."""
    return cast(str, parameters.get(name) or "")


def number(parameters: Mapping[str, object], name: str, default: int) -> int:
    value = parameters.get(name)
    return default if value is None else cast(int, value)


def flag(parameters: Mapping[str, object], name: str) -> bool:
    return bool(parameters.get(name))


def obj(parameters: Mapping[str, object], name: str) -> Mapping[str, Any]:
    """An object, empty when absent."""
    return cast(Mapping[str, Any], parameters.get(name) or {})


def objects(parameters: Mapping[str, object], name: str) -> list[Mapping[str, Any]]:
    return cast(list[Mapping[str, Any]], parameters.get(name) or [])


def strings(parameters: Mapping[str, object], name: str) -> list[str]:
    return cast(list[str], parameters.get(name) or [])


def required(parameters: Mapping[str, object], name: str, path: str = "") -> str:
    """A string that must be there; raises MissingParameter."""
    if value := text(parameters, name):
        return value
    raise ApiError("MissingParameter", f"The required parameter `{path}{name}` is missing.")


def instance_ids(parameters: Mapping[str, object], malformed: str) -> list[str]:
    """InstanceIds in their order, each once; at most 100 and of the cloud's form."""
    ids = strings(parameters, "InstanceIds")
    if len(ids) > 100:
        raise ApiError(
            "InvalidParameterValue.LimitExceeded",
            f"The number of `InstanceIds` is {len(ids)}; the limit is 100.",
        )
    for instance_id in ids:
        if not INSTANCE_ID.fullmatch(instance_id):
            raise ApiError(malformed, f"The instance ID `{instance_id}` is malformed.")
    return list(dict.fromkeys(ids))


def paging(parameters: Mapping[str, object]) -> tuple[int, int]:
    """Offset and Limit; at most 100 a page."""
    offset, limit = number(parameters, "Offset", 0), number(parameters, "Limit", 20)
    if offset < 0:
        raise ApiError("InvalidParameterValue", "The value of `Offset` is below 0.")
    if not 1 <= limit <= 100:
        raise ApiError(
            "InvalidParameterValue.LimitExceeded",
            f"The value of `Limit` is {limit}; it must be within 1 and 100.",
        )
    return offset, limit
