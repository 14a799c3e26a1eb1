"""RunInstances: an order is filled at once, or refused as a whole."""

from __future__ import annotations

import string
import uuid
from collections.abc import Mapping

from ..cloud import Cloud
from ..machines.port import DiskSpec, MachineSpec
from ..record import MachineRecord, Placed
from ..tokens import Remembered, digest
from . import cvm_names, cvm_order
from .cvm_order import Order
from .dispatch import Call
from .errors import ApiError
from .fields import flag, text

ID_LETTERS = string.digits + string.ascii_lowercase


def run_instances(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """Instances in PENDING, or nothing at all and the reason."""
    order = cvm_order.read(cloud, call.region, call.parameters, call.now)
    token = text(call.parameters, "ClientToken")
    request = digest(call.parameters) if token else ""
    if token and (known := _known(cloud, call, token, request)):
        call.ids = known
        return {"InstanceIdSet": list(known)}
    count = _deliverable(cloud, order)
    if flag(call.parameters, "DryRun"):
        return {}
    ids = tuple(_launch(cloud, call, order, index, count) for index in range(count))
    if token:
        cloud.tokens.remember(call.region, token, Remembered(call.now, request, ids))
    call.ids = ids
    return {"InstanceIdSet": list(ids)}


def _known(cloud: Cloud, call: Call, token: str, request: str) -> tuple[str, ...] | None:
    settings = cloud.settings
    known = cloud.tokens.find(call.region, token, call.now, settings.token_seconds)
    if known is None:
        return None
    if known.digest != request and settings.token_mode == "strict":  # noqa: S105
        raise ApiError(
            "UnsupportedOperation.IdempotentParameterMismatch",
            "The `ClientToken` was used with other parameters.",
        )
    return known.ids


def _deliverable(cloud: Cloud, order: Order) -> int:
    """How many of the instances can be had: all, or with MinCount at least so many."""
    left = _stock(cloud, order)
    if left == 0 and order.min_count == order.count:
        raise ApiError(
            "ResourceInsufficient.SpecifiedInstanceType",
            f"`{order.type.name}` is sold out in `{order.zone.name}`.",
        )
    _check_quota(cloud, order)
    if cloud.addresses.left(order.subnet.subnet_id) < order.count:
        raise ApiError(
            "FailedOperation.NoAvailableIpAddressCountInSubnet",
            f"The subnet `{order.subnet.subnet_id}` has not enough addresses.",
        )
    count = order.count if left is None else min(left, order.count)
    if count < order.min_count:
        partial = order.min_count < order.count
        raise ApiError(
            "ResourceInsufficient."
            + ("InsufficientOfferingMinimum" if partial else "SpecifiedInstanceType"),
            f"Only {count} of `{order.type.name}` are left in `{order.zone.name}`.",
        )
    return count


def _stock_key(cloud: Cloud, order: Order) -> tuple[str, str] | None:
    stock = cloud.faults.stock
    keys = ((order.zone.name, order.type.name), (order.zone.name, "*"))
    return next((key for key in keys if key in stock), None)


def _stock(cloud: Cloud, order: Order) -> int | None:
    key = _stock_key(cloud, order)
    if key is None:
        return None
    if key[1] == "*" and cloud.faults.stock[key] == 0:
        raise ApiError(
            "ResourceInsufficient.AvailabilityZoneSoldOut", f"`{order.zone.name}` is sold out."
        )
    return cloud.faults.stock[key]


def _check_quota(cloud: Cloud, order: Order) -> None:
    there = [
        r for r in cloud.fleet.listed.values()
        if r.spec.zone == order.zone.name and (r.spec.charge_type == "SPOTPAID") == order.spot
    ]  # fmt: skip
    settings = cloud.settings
    if order.spot:
        used = sum(r.spec.cpu for r in there) + order.type.cpu * order.count
        if used > settings.spot_vcpu_quota:
            raise ApiError("LimitExceeded.SpotQuota", "The quota of spot vCPUs is used up.")
    elif len(there) + order.count > settings.instance_quota:
        raise ApiError("LimitExceeded.InstanceQuota", "The quota of instances is used up.")


def _launch(cloud: Cloud, call: Call, order: Order, index: int, count: int) -> str:
    subnet = order.subnet.subnet_id
    if order.addresses:
        private_ip = cloud.addresses.take_this(subnet, order.addresses[index])
    else:
        private_ip = cloud.addresses.take(subnet)
    if key := _stock_key(cloud, order):
        cloud.faults.stock[key] -= 1
    record = MachineRecord(
        spec=_spec(cloud, order, index, count, private_ip),
        placed=_placed(cloud, order),
        created=call.now,
        tags=dict(order.tags),
        request_id=call.request_id,
        launch_failure=cloud.faults.take_launch_failure(order.region, call.parameters),
    )
    cloud.fleet.launch(record, order.ends)
    return record.instance_id


def _spec(cloud: Cloud, order: Order, index: int, count: int, private_ip: str) -> MachineSpec:
    return MachineSpec(
        instance_id=new_id(cloud, "ins"),
        instance_name=cvm_names.instance_name(order.instance_name, index, count),
        hostname=cvm_names.host_name(order.host_name, index, count, private_ip),
        uuid=str(uuid.UUID(int=cloud.rng.getrandbits(128), version=4)),
        app_id=cloud.account.app_id,
        region=order.region,
        zone=order.zone.name,
        image_id=order.image.image_id,
        cloud_init=order.image.cloud_init,
        cpu=order.type.cpu,
        memory_gib=order.type.memory,
        private_ip=private_ip,
        user_data=order.script,
        charge_type=order.charge_type,
        cam_role=order.cam_role,
        instance_type=order.type.name,
        disks=tuple(
            DiskSpec(new_id(cloud, "disk"), str(disk["DiskType"]), int(str(disk["DiskSize"])))
            for disk in order.data_disks
        ),
    )


def _placed(cloud: Cloud, order: Order) -> Placed:
    return Placed(
        vpc_id=order.subnet.vpc_id,
        subnet_id=order.subnet.subnet_id,
        security_group_ids=order.security_groups,
        key_ids=order.key_ids,
        system_disk={**order.system_disk, "DiskId": new_id(cloud, "disk")},
        data_disks=tuple({**disk} for disk in order.data_disks),
        internet=dict(order.internet),
        project_id=order.project_id,
        api_termination_disabled=order.protected,
        user_data=order.user_data,
    )


def new_id(cloud: Cloud, kind: str) -> str:
    """`ins-` and eight of 0-9a-z; never one that was given out before."""
    while True:
        made = f"{kind}-{''.join(cloud.rng.choices(ID_LETTERS, k=8))}"
        if cloud.fleet.find(made) is None:
            return made
