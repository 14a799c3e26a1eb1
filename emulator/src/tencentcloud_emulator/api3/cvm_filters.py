"""Filters of DescribeInstances: all must match, each by one of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from ..record import MachineRecord
from .errors import ApiError
from .fields import objects, strings, text

Test = Callable[[MachineRecord], bool]
TagsOf = Callable[[MachineRecord], Mapping[str, str]]

FIELDS: Mapping[str, Callable[[MachineRecord], Iterable[str]]] = {
    "zone": lambda r: (r.spec.zone,),
    "project-id": lambda r: (str(r.placed.project_id),),
    "host-id": lambda r: (),
    "dedicated-cluster-id": lambda r: (),
    "vpc-id": lambda r: (r.placed.vpc_id,),
    "subnet-id": lambda r: (r.placed.subnet_id,),
    "instance-id": lambda r: (r.spec.instance_id,),
    "uuid": lambda r: (r.spec.uuid,),
    "security-group-id": lambda r: r.placed.security_group_ids,
    "instance-name": lambda r: (r.spec.instance_name,),
    "instance-charge-type": lambda r: (r.spec.charge_type,),
    "instance-state": lambda r: (r.state,),
    "private-ip-address": lambda r: (r.spec.private_ip,),
    "public-ip-address": lambda r: (),
    "ipv6-address": lambda r: (),
    "public-ipv6-address": lambda r: (),
}


def read(parameters: Mapping[str, object], tags_of: TagsOf) -> list[Test]:
    """The tests an instance must pass; `tags_of` gives its visible tags."""
    filters = objects(parameters, "Filters")
    if len(filters) > 10:
        raise ApiError("InvalidFilterValue.LimitExceeded", "More than 10 `Filters`.")
    return [_test(text(given, "Name"), strings(given, "Values"), tags_of) for given in filters]


def _test(name: str, values: Sequence[str], tags_of: TagsOf) -> Test:
    if len(values) > 5:
        raise ApiError("InvalidFilterValue.LimitExceeded", f"More than 5 values of `{name}`.")
    wanted = frozenset(values)
    if name in FIELDS:
        field = FIELDS[name]
        return lambda record: not wanted.isdisjoint(field(record))
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda record: tags_of(record).get(key) in wanted
    if name == "tag-key":
        return lambda record: not wanted.isdisjoint(tags_of(record))
    if name == "tag-value":
        return lambda record: not wanted.isdisjoint(tags_of(record).values())
    if name in ("creation-start-time", "creation-end-time"):
        times = [_time(value) for value in values]
        if name == "creation-start-time":
            return lambda record: any(record.created >= at for at in times)
        return lambda record: any(record.created <= at for at in times)
    raise ApiError("InvalidFilter", f"There is no filter `{name}`.")


def _time(value: str) -> float:
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise ApiError(
            "InvalidParameterValue", f"`{value}` is no time of the form YYYY-MM-DD hh:mm:ss."
        ) from error
