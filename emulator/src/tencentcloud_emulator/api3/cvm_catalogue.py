"""What there is to choose from: regions, zones, images, instance types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import catalogue
from ..catalogue import Image, InstanceType
from ..clock import iso
from ..cloud import Cloud
from .cvm_place import IMAGE_ID
from .dispatch import Call
from .errors import ApiError
from .fields import objects, paging, strings, text


def describe_regions(cloud: Cloud, call: Call) -> Mapping[str, object]:
    regions = [
        {
            "Region": region.name,
            "RegionName": region.title_en if call.english else region.title,
            "RegionState": "AVAILABLE",
        }
        for region in cloud.catalogue.regions.values()
    ]
    return {"TotalCount": len(regions), "RegionSet": regions}


def describe_zones(cloud: Cloud, call: Call) -> Mapping[str, object]:
    zones = [
        {
            "Zone": zone.name,
            "ZoneName": zone.title_en if call.english else zone.title,
            "ZoneId": zone.zone_id,
            "ZoneState": "AVAILABLE",
        }
        for zone in cloud.catalogue.zones.values()
        if zone.region == call.region
    ]
    return {"TotalCount": len(zones), "ZoneSet": zones}


def describe_images(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """One page of the images; ids that are unknown are simply absent."""
    ids = strings(call.parameters, "ImageIds")
    filters = _filters(
        call, ("image-id", "image-type", "image-name", "platform", "image-state", "tag-key"), 5
    )
    if ids and filters:
        raise ApiError(
            "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
            "`ImageIds` and `Filters` cannot be given at the same time.",
        )
    for image_id in ids:
        if not IMAGE_ID.fullmatch(image_id):
            raise ApiError("InvalidImageId.Malformed", f"The image ID `{image_id}` is malformed.")
    offset, limit = paging(call.parameters)
    found = [
        view
        for image in cloud.catalogue.images.values()
        if not ids or image.image_id in ids
        if _image_matches(view := _image(image), filters)
    ]
    return {"TotalCount": len(found), "ImageSet": found[offset : offset + limit]}


def describe_instance_type_configs(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """Every type once for each zone of the region it is offered in."""
    filters = _filters(call, ("zone", "instance-family", "instance-type"), 1)
    configs = [
        config
        for zone in cloud.catalogue.zones.values()
        if zone.region == call.region
        for kind in cloud.catalogue.types.values()
        if zone.name in kind.zones
        if _type_matches(config := _type_config(zone.name, kind), filters)
    ]
    return {"InstanceTypeConfigSet": configs}


def _filters(call: Call, known: Sequence[str], most: int) -> dict[str, list[str]]:
    filters = {}
    for given in objects(call.parameters, "Filters"):
        name, values = text(given, "Name"), strings(given, "Values")
        if name not in known:
            raise ApiError("InvalidFilter", f"There is no filter `{name}`.")
        if len(values) > most:
            raise ApiError("InvalidFilterValue.LimitExceeded", f"Too many values of `{name}`.")
        filters[name] = values
    return filters


def _image_matches(view: Mapping[str, object], filters: Mapping[str, list[str]]) -> bool:
    names = {
        "image-id": "ImageId", "image-type": "ImageType", "image-name": "ImageName",
        "platform": "Platform", "image-state": "ImageState",
    }  # fmt: skip
    return all(name in names and view[names[name]] in values for name, values in filters.items())


def _type_matches(config: Mapping[str, object], filters: Mapping[str, list[str]]) -> bool:
    names = {
        "zone": "Zone", "instance-family": "InstanceFamily", "instance-type": "InstanceType"
    }  # fmt: skip
    return all(config[names[name]] in values for name, values in filters.items())


def _image(image: Image) -> dict[str, object]:
    return {
        "ImageId": image.image_id,
        "OsName": image.os_name,
        "ImageType": "PRIVATE_IMAGE",
        "CreatedTime": iso(catalogue.START),
        "ImageName": image.name,
        "ImageDescription": image.description,
        "ImageSize": image.size_gib,
        "Architecture": image.architecture,
        "ImageState": "NORMAL",
        "Platform": image.platform,
        "ImageCreator": catalogue.UIN,
        "ImageSource": "CREATE_IMAGE",
        "SyncPercent": None,
        "IsSupportCloudinit": image.cloud_init,
        "SnapshotSet": [],
        "Tags": [],
        "LicenseType": "TencentCloud",
        "ImageFamily": None,
        "ImageDeprecated": False,
        "CdcCacheStatus": None,
    }


def _type_config(zone: str, kind: InstanceType) -> dict[str, object]:
    return {
        "Zone": zone,
        "InstanceType": kind.name,
        "InstanceFamily": kind.family,
        "GPU": 0,
        "CPU": kind.cpu,
        "Memory": kind.memory,
        "FPGA": 0,
        "GpuCount": 0.0,
        "GpuType": "",
        "GpuMemory": 0.0,
    }
