"""TerminateInstances: all of the ids or none of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..cloud import Cloud
from ..record import LAUNCH_FAILED, PENDING, SHUTDOWN, TERMINATING, MachineRecord
from .dispatch import Call
from .errors import ApiError
from .fields import instance_ids

REFUSED = {
    PENDING: "InstanceStatePending",
    TERMINATING: "InstanceStateTerminating",
    LAUNCH_FAILED: "InstanceStateLaunchFailed",
}


def terminate_instances(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """TERMINATING at once, or with the recycle bin SHUTDOWN at the first time."""
    ids = instance_ids(call.parameters, "InvalidInstanceId.Malformed")
    if not ids:
        raise ApiError("MissingParameter", "The required parameter `InstanceIds` is missing.")
    records = [_terminable(cloud, call, instance_id) for instance_id in ids]
    if len({record.spec.charge_type for record in records}) > 1:
        raise ApiError(
            "UnsupportedOperation.InstanceMixedPricingModel",
            "The instances have different charge types.",
        )
    for record in records:
        if cloud.settings.recycle_bin and record.state != SHUTDOWN:
            cloud.fleet.isolate(record, call.request_id)
        else:
            cloud.fleet.terminate(record, "TerminateInstances", call.request_id)
    call.ids = tuple(ids)
    return {}


def _terminable(cloud: Cloud, call: Call, instance_id: str) -> MachineRecord:
    record = cloud.fleet.listed.get(instance_id)
    if record is None or record.spec.region != call.region:
        raise ApiError("InvalidInstanceId.NotFound", f"There is no instance `{instance_id}`.")
    if record.state in REFUSED:
        raise ApiError(
            f"UnsupportedOperation.{REFUSED[record.state]}",
            f"The instance `{instance_id}` is in the state {record.state}.",
        )
    if record.placed.api_termination_disabled:
        raise ApiError("UnsupportedOperation.InstancesProtected", f"`{instance_id}` is protected.")
    return record
