"""What a RunInstances call asks for: every check that needs nothing but the catalogue."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from ..catalogue import Image, InstanceType, Subnet, Zone
from ..cloud import Cloud
from . import cvm_disks, cvm_names, cvm_options, cvm_place
from .errors import ApiError
from .fields import flag, number, obj, objects, strings, text

MAX_USER_DATA = 16 * 1024
NOT_IMITATED = (
    "LaunchTemplate", "HpcClusterId", "DedicatedClusterId", "ChcIds", "NetworkInterfaces",
    "DisasterRecoverGroupIds", "PartitionNumber", "CpuTopology", "Metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request. `ends` is the ActionTimer's time in Unix seconds."""

    region: str
    zone: Zone
    type: InstanceType
    image: Image
    subnet: Subnet
    addresses: tuple[str, ...]
    charge_type: str
    count: int
    min_count: int
    instance_name: str
    host_name: str
    user_data: str
    script: bytes | None
    tags: Mapping[str, str]
    security_groups: tuple[str, ...]
    key_ids: tuple[str, ...]
    cam_role: str | None
    system_disk: Mapping[str, object]
    data_disks: tuple[Mapping[str, object], ...]
    internet: Mapping[str, object]
    project_id: int
    protected: bool
    ends: float | None

    @property
    def spot(self) -> bool:
        return self.charge_type == "SPOTPAID"


def read(cloud: Cloud, region: str, parameters: Mapping[str, object], now: float) -> Order:
    """Raises the cloud's error for the first thing that is wrong."""
    _refuse_not_imitated(parameters)
    count, least = _counts(parameters)
    charge_type = cvm_options.charge_type(parameters)
    zone = cvm_place.zone(cloud.catalogue, region, obj(parameters, "Placement"))
    image = cvm_place.image(cloud.catalogue, text(parameters, "ImageId"))
    machine = cvm_place.instance_type(cloud.catalogue, zone, text(parameters, "InstanceType"))
    network = obj(parameters, "VirtualPrivateCloud")
    subnet = cvm_place.subnet(cloud.catalogue, zone, network)
    instance_name, host_name = text(parameters, "InstanceName"), text(parameters, "HostName")
    cvm_names.check(instance_name, host_name)
    user_data = text(parameters, "UserData")
    return Order(
        region=region,
        zone=zone,
        type=machine,
        image=image,
        subnet=subnet,
        addresses=cvm_place.addresses(cloud.addresses, subnet, network, count),
        charge_type=charge_type,
        count=count,
        min_count=least,
        instance_name=instance_name,
        host_name=host_name,
        user_data=user_data,
        script=decode_user_data(user_data),
        tags=cvm_options.tags(parameters),
        security_groups=cvm_place.security_groups(
            cloud.catalogue, region, strings(parameters, "SecurityGroupIds")
        ),
        key_ids=cvm_place.key_pairs(cloud.catalogue, obj(parameters, "LoginSettings")),
        cam_role=_cam_role(cloud, text(parameters, "CamRoleName")),
        system_disk=cvm_disks.system(obj(parameters, "SystemDisk")),
        data_disks=cvm_disks.data(objects(parameters, "DataDisks"), charge_type),
        internet=cvm_options.internet(obj(parameters, "InternetAccessible")),
        project_id=number(obj(parameters, "Placement"), "ProjectId", 0),
        protected=flag(parameters, "DisableApiTermination"),
        ends=cvm_options.timer(
            obj(parameters, "ActionTimer"), now, cloud.settings.timer_min_seconds
        ),
    )


def decode_user_data(encoded: str) -> bytes | None:
    """The script; raises InvalidUserDataFormat, or TooLong over 16 KB of either form."""
    if not encoded:
        return None
    if len(encoded) > MAX_USER_DATA:
        raise ApiError("InvalidParameterValue.TooLong", "`UserData` is over 16 KB.")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ApiError(
            "InvalidParameterValue.InvalidUserDataFormat", "`UserData` is not base64."
        ) from error


def _refuse_not_imitated(parameters: Mapping[str, object]) -> None:
    for name in NOT_IMITATED:
        if parameters.get(name):
            raise ApiError("UnsupportedOperation", f"The emulator does not imitate `{name}`.")
    if len(text(parameters, "ClientToken")) > 64:
        raise ApiError("InvalidClientToken.TooLong", "`ClientToken` is over 64 characters.")


def _counts(parameters: Mapping[str, object]) -> tuple[int, int]:
    count = number(parameters, "InstanceCount", 1)
    if not 1 <= count <= 500:
        raise ApiError("InvalidParameterValue.Range", "`InstanceCount` must be within 1 and 500.")
    least = number(parameters, "MinCount", count)
    if not 1 <= least <= count:
        raise ApiError(
            "InvalidParameterValue.InvalidParameterMinCount",
            "`MinCount` must be within 1 and `InstanceCount`.",
        )
    return count, least


def _cam_role(cloud: Cloud, name: str) -> str | None:
    if not name:
        return None
    role = cloud.account.roles.get(name)
    if role is None or not role.for_instances:
        raise ApiError(
            "AuthFailure.CamRoleNameAuthenticateFailed",
            f"The role `{name}` does not exist or cannot be carried by an instance.",
        )
    return name
