"""Between the API's `compute` and RunInstances, and from descriptions to views. Pure, both ways.

What a manifest leaves out is left out of the request: the cloud's default holds, not a copy of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from batchcompute.api.enums import ChargeType
from batchcompute.cloud.port import (
    Identity,
    ImageView,
    InstanceTypeView,
    MachineView,
    ZoneView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchcompute.api.base import ApiModel
    from batchcompute.api.compute import Compute
    from batchcompute.api.network import EnhancedService, Login

Json = dict[str, Any]

CHARGE_TYPES = {ChargeType.POSTPAID_BY_HOUR: "POSTPAID_BY_HOUR", ChargeType.SPOT: "SPOTPAID"}
DEDICATED_HOST = "CDHPAID"

_SYSTEM_DISK = {"type": "DiskType", "size": "DiskSize", "encrypt": "Encrypt"}
_DATA_DISK = {
    "type": "DiskType",
    "size": "DiskSize",
    "snapshot_id": "SnapshotId",
    "encrypt": "Encrypt",
    "kms_key_id": "KmsKeyId",
    "throughput_mibps": "ThroughputPerformance",
    "delete_with_instance": "DeleteWithInstance",
}
_INTERNET = {
    "max_bandwidth_out": "InternetMaxBandwidthOut",
    "charge_type": "InternetChargeType",
    "bandwidth_package_id": "BandwidthPackageId",
    "public_ip": "PublicIpAssigned",
}
_SERVICES = {
    "security": "SecurityService",
    "monitor": "MonitorService",
    "automation": "AutomationService",
}


@dataclass(frozen=True, slots=True)
class ResolvedPlacement:
    """Where machines are made, nothing left to choose."""

    zone: str
    vpc_id: str | None = None
    subnet_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    project_id: int | None = None
    host_ids: tuple[str, ...] = ()
    dedicated_resource_pack_ids: tuple[str, ...] = ()


def run_instances_request(
    compute: Compute,
    placement: ResolvedPlacement,
    instance_type: str,
    count: int,
    min_count: int | None,
    name: str,
    client_token: str,
    user_data: str,
    tags: Mapping[str, str],
    action_time: str | None,
    *,
    charge_type: ChargeType | None = None,
    password: str | None = None,
) -> Json:
    """The parameters of RunInstances.

    ``name`` is the complete InstanceName, ``user_data`` base64, ``action_time`` RFC 3339 in UTC.
    ``charge_type`` is what is launched when it is not ``compute``'s own (fallback from spot);
    ``password`` is what ``login.passwordSecretRef`` stands for, or its seal (``password.py``).
    """
    charge = charge_type or compute.charge_type
    request: Json = {
        "ImageId": compute.image_id,
        "InstanceType": instance_type,
        "InstanceChargeType": DEDICATED_HOST if placement.host_ids else CHARGE_TYPES[charge],
        "Placement": _placement(placement),
        "InstanceCount": count,
        "InstanceName": name,
        "ClientToken": client_token,
        "UserData": user_data,
    }
    optional = {
        "MinCount": min_count,
        "VirtualPrivateCloud": _network(placement),
        "SystemDisk": _given(compute, "system_disk", _SYSTEM_DISK),
        "DataDisks": [_renamed(disk, _DATA_DISK) for disk in compute.data_disks],
        "InternetAccessible": _given(compute, "internet_accessible", _INTERNET),
        "SecurityGroupIds": list(compute.security_group_ids or placement.security_group_ids),
        "LoginSettings": _login(compute.login, password),
        "EnhancedService": _enhanced(compute.enhanced_service),
        "InstanceMarketOptions": _market(compute, charge),
        "CamRoleName": compute.cam_role_name,
        "TagSpecification": _tags(tags),
        "ActionTimer": _timer(action_time),
    }
    return request | {name: value for name, value in optional.items() if value}


def encode(request: Json) -> bytes:
    """The same bytes for the same request, in every process (R1)."""
    return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)


def _placement(placement: ResolvedPlacement) -> Json:
    result: Json = {"Zone": placement.zone}
    if placement.project_id is not None:
        result["ProjectId"] = placement.project_id
    if placement.host_ids:
        result["HostIds"] = list(placement.host_ids)
    if placement.dedicated_resource_pack_ids:
        result["DedicatedResourcePackTenancy"] = "ResourcePool"
        result["DedicatedResourcePackIds"] = list(placement.dedicated_resource_pack_ids)
    return result


def _network(placement: ResolvedPlacement) -> Json | None:
    if not (placement.vpc_id and placement.subnet_id):
        return None
    return {"VpcId": placement.vpc_id, "SubnetId": placement.subnet_id}


def _renamed(model: ApiModel, names: Mapping[str, str]) -> Json:
    """The fields that were set, under the cloud's names."""
    return {
        cloud: value
        for field, cloud in names.items()
        if field in model.model_fields_set and (value := getattr(model, field)) is not None
    }


def _given(compute: Compute, field: str, names: Mapping[str, str]) -> Json | None:
    block = getattr(compute, field)
    return _renamed(block, names) if block is not None else None


def _login(login: Login | None, password: str | None) -> Json | None:
    if login is None:
        return None
    if login.password_secret_ref is not None:
        if password is None:
            raise ValueError("login.passwordSecretRef without its password")
        return {"Password": password}
    if login.key_ids:
        return {"KeyIds": list(login.key_ids)}
    return {"KeepImageLogin": "TRUE"} if login.keep_image_login else None


def _enhanced(service: EnhancedService | None) -> Json | None:
    if service is None:
        return None
    return {name: {"Enabled": on} for name, on in _renamed(service, _SERVICES).items()}


def _market(compute: Compute, charge: ChargeType) -> Json | None:
    if charge is not ChargeType.SPOT or compute.spot is None:
        return None
    options = {"MaxPrice": compute.spot.max_price, "SpotInstanceType": "one-time"}
    return {"MarketType": "spot", "SpotOptions": options}


def _tags(tags: Mapping[str, str]) -> list[Json]:
    if not tags:
        return []
    pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    return [{"ResourceType": "instance", "Tags": pairs}]


def _timer(action_time: str | None) -> Json | None:
    if action_time is None:
        return None
    return {"TimerAction": "TerminateInstances", "ActionTime": action_time}


def machine_view(item: Mapping[str, Any]) -> MachineView:
    """From an entry of InstanceSet; fields that the cloud leaves null are empty."""
    return MachineView(
        instance_id=item["InstanceId"],
        state=item.get("InstanceState") or "",
        zone=(item.get("Placement") or {}).get("Zone") or "",
        instance_type=item.get("InstanceType") or "",
        private_ip=next(iter(item.get("PrivateIpAddresses") or ()), ""),
        charge_type=item.get("InstanceChargeType") or "",
        created=_unix(item.get("CreatedTime")),
        operation_state=item.get("LatestOperationState") or "",
        operation_error=item.get("LatestOperationErrorMsg") or "",
        name=item.get("InstanceName") or "",
        tags={tag["Key"]: tag.get("Value") or "" for tag in item.get("Tags") or ()},
    )


def zone_view(item: Mapping[str, Any]) -> ZoneView:
    return ZoneView(item["Zone"], item.get("ZoneState") == "AVAILABLE")


def image_view(item: Mapping[str, Any]) -> ImageView:
    return ImageView(
        item["ImageId"],
        item.get("ImageState") or "",
        item.get("Platform") or "",
        bool(item.get("IsSupportCloudinit")),
    )


def instance_type_view(item: Mapping[str, Any]) -> InstanceTypeView:
    return InstanceTypeView(
        zone=item.get("Zone") or "",
        instance_type=item["InstanceType"],
        family=item.get("InstanceFamily") or "",
        cpu=int(item.get("CPU") or 0),
        memory_gib=int(item.get("Memory") or 0),
        gpu=int(item.get("GPU") or 0),
    )


def identity(answer: Mapping[str, Any]) -> Identity:
    return Identity(
        str(answer["AccountId"]), str(answer.get("Arn") or ""), str(answer.get("Type") or "")
    )


def _unix(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
