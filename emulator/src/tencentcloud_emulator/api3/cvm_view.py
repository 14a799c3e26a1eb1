"""An instance as DescribeInstances tells it: every field the vendor's models have."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import iso
from ..cloud import Cloud
from ..record import MachineRecord

MONTH = 30 * 86_400.0


def tags_of(cloud: Cloud, now: float) -> Callable[[MachineRecord], dict[str, str]]:
    """What tells an instance's tags: they are attached some time after the launch, if so wanted."""
    newest = now - cloud.settings.tags_after_seconds
    return lambda record: record.tags if record.created <= newest else {}


def instance(cloud: Cloud, record: MachineRecord, now: float) -> dict[str, object]:
    spec, placed = record.spec, record.placed
    image = cloud.catalogue.images[spec.image_id]
    prepaid = spec.charge_type == "PREPAID"
    return {
        "Placement": {
            "Zone": spec.zone,
            "HostId": None,
            "ProjectId": placed.project_id,
            "HostIds": None,
            "DedicatedResourcePackTenancy": None,
            "DedicatedResourcePackIds": None,
            "RackId": None,
        },
        "InstanceId": spec.instance_id,
        "InstanceType": spec.instance_type,
        "CPU": spec.cpu,
        "Memory": spec.memory_gib,
        "RestrictState": "NORMAL",
        "InstanceName": spec.instance_name,
        "InstanceChargeType": spec.charge_type,
        "SystemDisk": _disk(placed.system_disk),
        "DataDisks": [
            _data_disk({**disk, "DiskId": made.disk_id})
            for disk, made in zip(placed.data_disks, spec.disks, strict=True)
        ],
        "PrivateIpAddresses": [spec.private_ip],
        "PublicIpAddresses": None,
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
        "ImageId": spec.image_id,
        "RenewFlag": "NOTIFY_AND_MANUAL_RENEW" if prepaid else None,
        "CreatedTime": iso(record.created),
        "ExpiredTime": iso(record.created + MONTH) if prepaid else None,
        "OsName": image.os_name,
        "SecurityGroupIds": list(placed.security_group_ids),
        "LoginSettings": {
            "Password": None,
            "KeyIds": list(placed.key_ids) or None,
            "KeepImageLogin": None,
        },
        "InstanceState": record.state,
        "Tags": [{"Key": k, "Value": v} for k, v in tags_of(cloud, now)(record).items()],
        "StopChargingMode": "NOT_APPLICABLE",
        "Uuid": spec.uuid,
        "LatestOperation": record.operation,
        "LatestOperationState": record.operation_state,
        "LatestOperationRequestId": record.request_id,
        "LatestOperationErrorMsg": record.operation_error or None,
        "DisasterRecoverGroupId": "",
        "DisasterRecoverGroupIds": None,
        "IPv6Addresses": None,
        "PublicIPv6Addresses": None,
        "CamRoleName": spec.cam_role or "",
        "HpcClusterId": "",
        "RdmaIpAddresses": None,
        "DedicatedClusterId": "",
        "IsolatedSource": "NOTISOLATED" if record.state != "SHUTDOWN" else "MANMADE",
        "GPUInfo": None,
        "LicenseType": "TencentCloud",
        "DisableApiTermination": placed.api_termination_disabled,
        "HostName": spec.hostname,
        "DefaultLoginUser": "root",
        "DefaultLoginPort": 22,
        "EnableJumboFrame": False,
        "Metadata": {"Items": []},
        "CpuTopology": None,
        "PartitionNumber": 0,
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
