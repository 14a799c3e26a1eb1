"""Where machines are made."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.types import ATOMIC, CloudId, Zone


class Placement(ApiModel):
    """Zone, project and dedicated resources; `compute.placement` goes before `spec.placement`."""

    MERGED = True

    zone: Zone | None = Field(default=None, description="Availability zone, e.g. ap-guangzhou-3.")
    project_id: int | None = Field(
        default=None, ge=0, le=2_147_483_647, description="Billing project. Default 0."
    )
    host_ids: tuple[CloudId, ...] = Field(
        default=(),
        max_length=20,
        description="Dedicated hosts; machines are spread over them.",
        json_schema_extra=ATOMIC,
    )
    dedicated_resource_pack_ids: tuple[CloudId, ...] = Field(
        default=(),
        max_length=20,
        description="Reserved resource packs that machines are taken from.",
        json_schema_extra=ATOMIC,
    )
