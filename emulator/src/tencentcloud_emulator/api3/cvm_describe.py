"""DescribeInstances and its smaller relatives: reading, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from ..cloud import Cloud
from ..record import MachineRecord
from . import cvm_filters
from .cvm_view import instance, tags_of
from .dispatch import Call
from .errors import ApiError
from .fields import instance_ids, paging, strings


def describe_instances(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """One page of what is there. Ids that are unknown or gone are simply absent."""
    ids = instance_ids(call.parameters, "InvalidInstanceId.Malformed")
    if ids and call.parameters.get("Filters"):
        raise ApiError(
            "InvalidParameter", "`InstanceIds` and `Filters` cannot be given at the same time."
        )
    offset, limit = paging(call.parameters)
    found = _visible(cloud, call, ids)
    for test in cvm_filters.read(call.parameters, tags_of(cloud, call.now)):
        found = list(filter(test, found))
    page = found[offset : offset + limit]
    call.ids = tuple(record.instance_id for record in page)
    return {
        "TotalCount": len(found),
        "InstanceSet": [instance(cloud, record, call.now) for record in page],
    }


def describe_instances_status(cloud: Cloud, call: Call) -> Mapping[str, object]:
    ids = instance_ids(call.parameters, "InvalidInstanceId.Malformed")
    offset, limit = paging(call.parameters)
    found = _visible(cloud, call, ids)
    page = found[offset : offset + limit]
    call.ids = tuple(record.instance_id for record in page)
    return {
        "TotalCount": len(found),
        "InstanceStatusSet": [
            {"InstanceId": record.instance_id, "InstanceState": record.state} for record in page
        ],
    }


def describe_instances_attributes(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """The user data back, as it was given."""
    ids = instance_ids(call.parameters, "InvalidInstanceId.Malformed")
    if not ids:
        raise ApiError("MissingParameter", "The required parameter `InstanceIds` is missing.")
    if unknown := set(strings(call.parameters, "Attributes")) - {"UserData"}:
        raise ApiError("InvalidParameterValue", f"`Attributes` cannot be {sorted(unknown)}.")
    found = _visible(cloud, call, ids)
    return {
        "InstanceSet": [
            {"InstanceId": r.instance_id, "Attributes": {"UserData": r.placed.user_data}}
            for r in found
        ]
    }


def _visible(cloud: Cloud, call: Call, ids: list[str]) -> list[MachineRecord]:
    listed = cloud.fleet.listed
    records = [listed[i] for i in ids if i in listed] if ids else list(listed.values())
    newest = call.now - cloud.settings.visible_after_seconds
    return [r for r in records if r.spec.region == call.region and r.created <= newest]
