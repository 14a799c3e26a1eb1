"""Where a task's machines may be made, in the order in which places are tried (api.md, Placement).

`compute.placement` goes before `spec.placement`, member by member; `zones` before both; when
nothing is given, the operator's default zone and subnet. All types in a place, then the next place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchcompute.api.compute import Compute
    from batchcompute.api.placement import Placement


@dataclass(frozen=True, slots=True)
class DefaultPlace:
    """The operator's own place: used when a task names none."""

    zone: str | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    project_id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One zone, with the subnet in it when one was chosen (None: the cloud's default network)."""

    zone: str
    vpc_id: str | None = None
    subnet_id: str | None = None


def places(
    compute: Compute, placement: Placement | None, default: DefaultPlace
) -> tuple[Place, ...]:
    """Empty: nothing names a zone (`PlacementMissing`).

    The default subnet lies in the default zone, so it is used there alone.
    """
    named = _named_zone(compute, placement)
    if (network := compute.virtual_private_cloud) is not None:
        zone = named or default.zone
        return (Place(zone, network.vpc_id, network.subnet_id),) if zone else ()
    zones = compute.zones or ((named,) if named else ())
    if not zones:
        zones = (default.zone,) if default.zone else ()
    return tuple(
        Place(zone, default.vpc_id, default.subnet_id) if zone == default.zone else Place(zone)
        for zone in zones
    )


def project_id(compute: Compute, placement: Placement | None, default: DefaultPlace) -> int:
    """Billing project of a task's machines."""
    for source in (compute.placement, placement):
        if source is not None and source.project_id is not None:
            return source.project_id
    return default.project_id or 0


def _named_zone(compute: Compute, placement: Placement | None) -> str | None:
    for source in (compute.placement, placement):
        if source is not None and source.zone is not None:
            return source.zone
    return None
