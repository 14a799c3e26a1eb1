"""Bounded scalar types. Every string of the API has a length, every list a number of items."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

MAX_TASKS = 1_000
MAX_INSTANCES = 100_000

DnsLabel = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
"""A task's name: also a label value and a part of object names."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
"""The name of another object of the same namespace."""

SecretKey = Annotated[str, Field(min_length=1, max_length=253)]
Description = Annotated[str, Field(max_length=200)]
Path = Annotated[str, Field(min_length=1, max_length=1_024)]
"""A local path, or the URL of a directory."""

CloudId = Annotated[str, Field(min_length=1, max_length=128)]
"""An id or a name as the cloud gives it, e.g. `ins-0a1b2c3d`."""

CloudConstant = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
"""A constant of the cloud's API, e.g. `CLOUD_PREMIUM`."""

FileName = Annotated[str, Field(min_length=1, max_length=255)]
Region = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z]+(-[a-z0-9]+)+$")]
Zone = Region
Tags = Annotated[
    dict[str, Annotated[str, Field(max_length=255)]],
    Field(
        max_length=10,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "self.all(k, !k.startsWith('batchcompute') && k.size() <= 127)",
                    "message": "keys of tags must not begin with batchcompute and have at most "
                    "127 characters: rename the tag",
                }
            ]
        },
    ),
]

ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}


def map_by(key: str) -> dict[str, Any]:
    """Markers of a list whose items are told apart by one member."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
