"""`compute`: the machine of a task, or the nodes of a ComputeEnv."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from batchcompute.api.base import ApiModel, Exclusive
from batchcompute.api.disks import DataDisk, SystemDisk
from batchcompute.api.enums import ChargeType, SpotFallback
from batchcompute.api.network import (
    EnhancedService,
    InternetAccessible,
    Login,
    VirtualPrivateCloud,
)
from batchcompute.api.placement import Placement
from batchcompute.api.types import ATOMIC, CloudConstant, CloudId, Zone

InstanceType = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+$")
]

TYPES = Exclusive(("instanceType", "instanceTypes", "instanceTypeOptions"), required=True)
NETWORKS = Exclusive(("zones", "virtualPrivateCloud", "virtualPrivateClouds"))


class InstanceTypeOptions(ApiModel):
    """Any type with this CPU and memory."""

    MERGED = True

    cpu: int = Field(ge=1, le=1_024, description="CPU cores.")
    memory_gib: int = Field(alias="memoryGiB", ge=1, le=32_768, description="Memory in GiB.")
    categories: tuple[CloudConstant, ...] = Field(
        default=(),
        max_length=10,
        description="Categories of types to choose from, e.g. GENERAL, COMPUTE_3. Default: all.",
        json_schema_extra=ATOMIC,
    )


class Spot(ApiModel):
    """Terms of a spot machine."""

    MERGED = True

    max_price: str = Field(
        max_length=16,
        pattern=r"^[0-9]+(\.[0-9]+)?$",
        description='Highest price per hour as a decimal string, e.g. "0.35".',
    )
    fallback: SpotFallback = Field(
        default=SpotFallback.NONE,
        description="What to launch once spot failed fallbackAfter times. Default None.",
    )
    fallback_after: int = Field(
        default=3, ge=1, le=10, description="Failures of spot before the fallback. Default 3."
    )


class Compute(ApiModel):
    """What a machine is made from."""

    MERGED = True
    EXCLUSIVE = (TYPES, NETWORKS)

    image_id: CloudId = Field(description="Image, e.g. img-batch001; needs cloud-init.")
    instance_type: InstanceType | None = Field(
        default=None, description="The type of machine, e.g. S5.MEDIUM4."
    )
    instance_types: tuple[InstanceType, ...] = Field(
        default=(),
        max_length=10,
        description="Types in the order in which they are tried, all in one zone before the next.",
        json_schema_extra=ATOMIC,
    )
    instance_type_options: InstanceTypeOptions | None = Field(
        default=None, description="Choose any type by CPU, memory and category."
    )
    zones: tuple[Zone, ...] = Field(
        default=(),
        max_length=10,
        description="Zones in the order in which they are tried.",
        json_schema_extra=ATOMIC,
    )
    virtual_private_cloud: VirtualPrivateCloud | None = Field(
        default=None, description="The subnet that machines are made in."
    )
    virtual_private_clouds: tuple[VirtualPrivateCloud, ...] = Field(
        default=(),
        max_length=10,
        description="Subnets in the order in which they are tried.",
        json_schema_extra=ATOMIC,
    )
    placement: Placement | None = Field(
        default=None, description="Goes before spec.placement, member by member."
    )
    system_disk: SystemDisk = Field(
        default=SystemDisk(), description="The disk that the image is written to."
    )
    data_disks: tuple[DataDisk, ...] = Field(
        default=(), max_length=20, description="Further disks.", json_schema_extra=ATOMIC
    )
    internet_accessible: InternetAccessible | None = Field(
        default=None, description="Access to the public network. Default: none."
    )
    security_group_ids: tuple[CloudId, ...] = Field(
        default=(),
        max_length=5,
        description="Security groups. Default: the operator's.",
        json_schema_extra=ATOMIC,
    )
    login: Login | None = Field(
        default=None, description="How people log in. Default: a random password."
    )
    enhanced_service: EnhancedService | None = Field(
        default=None, description="Agents of the vendor on the machine."
    )
    charge_type: ChargeType = Field(
        default=ChargeType.POSTPAID_BY_HOUR,
        description="PostpaidByHour (default), or Spot: cheaper, may be taken back.",
    )
    spot: Spot | None = Field(default=None, description="Terms of chargeType Spot.")
    cam_role_name: CloudId | None = Field(
        default=None, description="CAM role of the machine; also serves its paths."
    )
    instance_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Display name; the cloud sees <instanceName>-bc-<launch id>.",
    )
