"""What a RunInstances call asks for: every check that needs nothing but the catalogue."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..catalogue import Image, InstanceType, Subnet, Zone
from ..cloud import Cloud
from . import cvm_disks, cvm_names, cvm_place
from .errors import ApiError
from .fields import flag, number, obj, objects, strings, text

CHARGE_TYPES = frozenset(("PREPAID", "POSTPAID_BY_HOUR", "SPOTPAID"))
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
    charge_type = _charge_type(parameters)
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
        tags=_tags(parameters),
        security_groups=cvm_place.security_groups(
            cloud.catalogue, region, strings(parameters, "SecurityGroupIds")
        ),
        key_ids=cvm_place.key_pairs(cloud.catalogue, obj(parameters, "LoginSettings")),
        cam_role=_cam_role(cloud, text(parameters, "CamRoleName")),
        system_disk=cvm_disks.system(obj(parameters, "SystemDisk")),
        data_disks=cvm_disks.data(objects(parameters, "DataDisks"), charge_type),
        internet=_internet(obj(parameters, "InternetAccessible")),
        project_id=number(obj(parameters, "Placement"), "ProjectId", 0),
        protected=flag(parameters, "DisableApiTermination"),
        ends=_timer(obj(parameters, "ActionTimer"), now, cloud.settings.timer_min_seconds),
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


def _charge_type(parameters: Mapping[str, object]) -> str:
    charge_type = text(parameters, "InstanceChargeType") or "POSTPAID_BY_HOUR"
    if charge_type not in CHARGE_TYPES:
        raise ApiError("InvalidParameterValue", f"`InstanceChargeType` cannot be `{charge_type}`.")
    if charge_type == "PREPAID" and not obj(parameters, "InstanceChargePrepaid").get("Period"):
        raise ApiError(
            "MissingParameter", "The required parameter `InstanceChargePrepaid.Period` is missing."
        )
    options = obj(parameters, "InstanceMarketOptions")
    if options and charge_type != "SPOTPAID":
        raise ApiError("InvalidParameterCombination", "`InstanceMarketOptions` needs SPOTPAID.")
    _check_spot(options)
    return charge_type


def _check_spot(options: Mapping[str, Any]) -> None:
    if text(options, "MarketType") not in ("", "spot"):
        raise ApiError("InvalidParameterValue", "`MarketType` must be spot.")
    spot = obj(options, "SpotOptions")
    if text(spot, "SpotInstanceType") not in ("", "one-time"):
        raise ApiError("InvalidParameterValue", "`SpotInstanceType` must be one-time.")
    price = text(spot, "MaxPrice")
    if price and not price.replace(".", "", 1).isdecimal():
        raise ApiError("InvalidParameterValue", "`MaxPrice` is no price.")


def _tags(parameters: Mapping[str, object]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for specification in objects(parameters, "TagSpecification"):
        if text(specification, "ResourceType") != "instance":
            raise ApiError("InvalidParameterValue", "`ResourceType` must be instance.")
        for tag in objects(specification, "Tags"):
            key, value = text(tag, "Key"), text(tag, "Value")
            if key in tags:
                raise ApiError("InvalidParameterValue.DuplicateTags", f"The tag `{key}` is twice.")
            if not key or len(key) > 127:
                raise ApiError("FailedOperation.IllegalTagKey", f"`{key}` is no tag key.")
            if len(value) > 255:
                raise ApiError("FailedOperation.IllegalTagValue", f"The value of `{key}` is bad.")
            tags[key] = value
    if len(tags) > 50:
        raise ApiError("InvalidParameterValue.TagQuotaLimitExceeded", "More than 50 tags.")
    return tags


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


def _internet(given: Mapping[str, Any]) -> dict[str, object]:
    bandwidth = number(given, "InternetMaxBandwidthOut", 0)
    if bandwidth < 0 or bandwidth > 200:
        raise ApiError("InvalidParameterValue.Range", "`InternetMaxBandwidthOut` is out of range.")
    return {
        "InternetChargeType": text(given, "InternetChargeType") or "TRAFFIC_POSTPAID_BY_HOUR",
        "InternetMaxBandwidthOut": bandwidth,
        "PublicIpAssigned": bandwidth > 0,
    }


def _timer(given: Mapping[str, Any], now: float, ahead: float) -> float | None:
    if not given:
        return None
    if text(given, "TimerAction") != "TerminateInstances":
        raise ApiError("InvalidParameterValue", "`TimerAction` must be TerminateInstances.")
    value = text(given, "ActionTime")
    try:
        at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise ApiError(
            "InvalidParameterValue", f"`ActionTime` is not YYYY-MM-DDThh:mm:ssZ: `{value}`."
        ) from error
    if at < now + ahead:
        raise ApiError(
            "InvalidParameterValue", f"`ActionTime` must be at least {ahead:.0f} s ahead."
        )
    return at
