"""An instance as DescribeInstances tells it: every field the vendor's models have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..clock import iso
from ..cloud import Cloud
from ..record import SHUTDOWN, MachineRecord

MONTH = 30 * 86_400.0


def tags_of(cloud: Cloud, now: float) -> Callable[[MachineRecord], dict[str, str]]:
    """What tells an instance's tags: they are attached some time after the launch, if so wanted."""
    newest = now - cloud.settings.tags_after_seconds
    return lambda record: record.tags if record.created <= newest else {}


NEVER = dict.fromkeys(
    (
        "DisasterRecoverGroupIds", "IPv6Addresses", "PublicIPv6Addresses", "PublicIpAddresses",
        "RdmaIpAddresses", "GPUInfo", "CpuTopology",
    )
)  # fmt: skip
"""What no instance of this cloud has, told as null."""

ALWAYS: Mapping[str, object] = {
    "RestrictState": "NORMAL",
    "StopChargingMode": "NOT_APPLICABLE",
    "DisasterRecoverGroupId": "",
    "HpcClusterId": "",
    "DedicatedClusterId": "",
    "LicenseType": "TencentCloud",
    "DefaultLoginUser": "root",
    "DefaultLoginPort": 22,
    "EnableJumboFrame": False,
    "Metadata": {"Items": []},
    "PartitionNumber": 0,
}


def instance(cloud: Cloud, record: MachineRecord, now: float) -> dict[str, object]:
    """One entry of InstanceSet."""
    spec, placed = record.spec, record.placed
    prepaid = spec.charge_type == "PREPAID"
    return {
        **NEVER,
        **ALWAYS,
        **_network(record),
        "Placement": _placement(record),
        "InstanceId": spec.instance_id,
        "InstanceType": spec.instance_type,
        "CPU": spec.cpu,
        "Memory": spec.memory_gib,
        "InstanceName": spec.instance_name,
        "HostName": spec.hostname,
        "InstanceChargeType": spec.charge_type,
        "SystemDisk": _disk(placed.system_disk),
        "DataDisks": [
            _data_disk({**disk, "DiskId": made.disk_id})
            for disk, made in zip(placed.data_disks, spec.disks, strict=True)
        ],
        "ImageId": spec.image_id,
        "OsName": cloud.catalogue.images[spec.image_id].os_name,
        "RenewFlag": "NOTIFY_AND_MANUAL_RENEW" if prepaid else None,
        "CreatedTime": iso(record.created),
        "ExpiredTime": iso(record.created + MONTH) if prepaid else None,
        "InstanceState": record.state,
        "IsolatedSource": "MANMADE" if record.state == SHUTDOWN else "NOTISOLATED",
        "Tags": [{"Key": k, "Value": v} for k, v in tags_of(cloud, now)(record).items()],
        "Uuid": spec.uuid,
        "LatestOperation": record.operation,
        "LatestOperationState": record.operation_state,
        "LatestOperationRequestId": record.request_id,
        "LatestOperationErrorMsg": record.operation_error or None,
        "CamRoleName": spec.cam_role or "",
        "DisableApiTermination": placed.api_termination_disabled,
    }


def _placement(record: MachineRecord) -> dict[str, object]:
    return {
        "Zone": record.spec.zone,
        "ProjectId": record.placed.project_id,
        "HostId": None,
        "HostIds": None,
        "DedicatedResourcePackTenancy": None,
        "DedicatedResourcePackIds": None,
        "RackId": None,
    }


def _network(record: MachineRecord) -> dict[str, object]:
    placed = record.placed
    return {
        "PrivateIpAddresses": [record.spec.private_ip],
        "InternetAccessible": {
            **placed.internet,
            "BandwidthPackageId": None,
            "InternetServiceProvider": None,
            "IPv4AddressType": None,
            "IPv6AddressType": None,
            "AntiDDoSPackageId": None,
        },
        "VirtualPrivateCloud": {
            "VpcId": placed.vpc_id,
            "SubnetId": placed.subnet_id,
            "AsVpcGateway": False,
            "PrivateIpAddresses": None,
            "Ipv6AddressCount": None,
        },
        "SecurityGroupIds": list(placed.security_group_ids),
        "LoginSettings": {
            "Password": None,
            "KeyIds": list(placed.key_ids) or None,
            "KeepImageLogin": None,
        },
    }


def _disk(given: dict[str, object]) -> dict[str, object]:
    return {
        "DiskType": given["DiskType"],
        "DiskId": given["DiskId"],
        "DiskSize": given["DiskSize"],
        "CdcId": None,
        "DiskName": None,
        "Encrypt": given.get("Encrypt", False),
        "KmsKeyId": None,
    }


def _data_disk(given: dict[str, object]) -> dict[str, object]:
    return {
        **_disk(given),
        "DeleteWithInstance": given["DeleteWithInstance"],
        "SnapshotId": None,
        "ThroughputPerformance": 0,
        "BurstPerformance": False,
    }
