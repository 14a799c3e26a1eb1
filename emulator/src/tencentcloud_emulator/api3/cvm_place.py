"""Where an instance goes and what it is made from: zone, type, image, network, keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..catalogue import Catalogue, Image, InstanceType, Subnet, Zone
from ..network import Addresses
from .errors import ApiError
from .fields import required, strings, text

IMAGE_ID = re.compile(r"img-[0-9a-z]{8}")
SUBNET_ID = re.compile(r"subnet-[0-9a-z]{8}")
VPC_ID = re.compile(r"vpc-[0-9a-z]{8}")
GROUP_ID = re.compile(r"sg-[0-9a-z]{8}")
KEY_ID = re.compile(r"skey-[0-9a-z]{8}")


def zone(catalogue: Catalogue, region: str, placement: Mapping[str, Any]) -> Zone:
    name = required(placement, "Zone", "Placement.")
    found = catalogue.zones.get(name)
    if found is None:
        raise ApiError("InvalidParameterValue.ZoneNotSupported", f"There is no zone `{name}`.")
    if found.region != region:
        raise ApiError("InvalidZone.MismatchRegion", f"The zone `{name}` is not in `{region}`.")
    return found


def image(catalogue: Catalogue, image_id: str) -> Image:
    if not image_id:
        raise ApiError("MissingParameter", "The required parameter `ImageId` is missing.")
    if not IMAGE_ID.fullmatch(image_id):
        raise ApiError("InvalidImageId.Malformed", f"The image ID `{image_id}` is malformed.")
    if found := catalogue.images.get(image_id):
        return found
    raise ApiError("InvalidImageId.NotFound", f"The image `{image_id}` does not exist.")


def instance_type(catalogue: Catalogue, place: Zone, name: str) -> InstanceType:
    """The type asked for; without one the cloud picks the smallest there is."""
    if not name:
        return next(kind for kind in catalogue.types.values() if place.name in kind.zones)
    found = catalogue.types.get(name)
    if found is None:
        raise ApiError("InvalidParameterValue.InstanceTypeNotFound", f"There is no type `{name}`.")
    if place.name not in found.zones:
        raise ApiError(
            "ResourceUnavailable.InstanceType", f"`{name}` is not offered in `{place.name}`."
        )
    return found


def subnet(catalogue: Catalogue, place: Zone, network: Mapping[str, Any]) -> Subnet:
    """The subnet asked for, or the zone's default."""
    vpc_id, subnet_id = text(network, "VpcId"), text(network, "SubnetId")
    if not network or (vpc_id, subnet_id) == ("DEFAULT", "DEFAULT"):
        return next(s for s in catalogue.subnets.values() if s.zone == place.name)
    required(network, "VpcId", "VirtualPrivateCloud.")
    required(network, "SubnetId", "VirtualPrivateCloud.")
    if not VPC_ID.fullmatch(vpc_id):
        raise ApiError("InvalidParameterValue.VpcIdMalformed", f"`{vpc_id}` is malformed.")
    if not SUBNET_ID.fullmatch(subnet_id):
        raise ApiError("InvalidParameterValue.SubnetIdMalformed", f"`{subnet_id}` is malformed.")
    if vpc_id not in {s.vpc_id for s in catalogue.subnets.values()}:
        raise ApiError("InvalidParameterValue.VpcIdNotExist", f"There is no VPC `{vpc_id}`.")
    found = catalogue.subnets.get(subnet_id)
    if found is None:
        raise ApiError("InvalidParameterValue.SubnetNotExist", f"No subnet `{subnet_id}`.")
    if found.vpc_id != vpc_id:
        raise ApiError(
            "InvalidParameterValue.VpcIdSubnetIdNotMatch", f"`{subnet_id}` is not in `{vpc_id}`."
        )
    if found.zone != place.name:
        raise ApiError(
            "InvalidParameterValue.SubnetIdZoneIdNotMatch",
            f"The subnet `{subnet_id}` is not in the zone `{place.name}`.",
        )
    return found


def addresses(
    pool: Addresses, place: Subnet, network: Mapping[str, Any], count: int
) -> tuple[str, ...]:
    """The private addresses asked for: none, or one for each of at most 20 instances."""
    wanted = strings(network, "PrivateIpAddresses")
    if not wanted:
        return ()
    if len(wanted) != count or count > 20 or len(set(wanted)) != count:
        raise ApiError(
            "InvalidParameterCombination", "`PrivateIpAddresses` and `InstanceCount` differ."
        )
    for address in wanted:
        try:
            inside = ipaddress.IPv4Address(address) in place.cidr
        except ValueError as error:
            raise ApiError(
                "InvalidParameterValue.IPAddressMalformed", f"`{address}` is malformed."
            ) from error
        if not inside:
            raise ApiError("VpcAddrNotInSubNet", f"`{address}` is not in the subnet.")
        if not pool.free(place.subnet_id, address):
            raise ApiError("VpcIpIsUsed", f"`{address}` is in use.")
    return tuple(wanted)


def security_groups(catalogue: Catalogue, region: str, ids: Sequence[str]) -> tuple[str, ...]:
    """The groups asked for, or the region's default."""
    if len(ids) > 5:
        raise ApiError("InvalidParameterValue.LimitExceeded", "More than 5 `SecurityGroupIds`.")
    for group in ids:
        if not GROUP_ID.fullmatch(group):
            raise ApiError("InvalidSgId.Malformed", f"`{group}` is malformed.")
        if catalogue.security_groups.get(group) != region:
            raise ApiError("InvalidSecurityGroupId.NotFound", f"No security group `{group}`.")
    return tuple(ids) or tuple(
        group for group, place in catalogue.security_groups.items() if place == region
    )


def key_pairs(catalogue: Catalogue, login: Mapping[str, Any]) -> tuple[str, ...]:
    """The key pairs asked for; a login is by one of password, keys, or the image's own."""
    keys = strings(login, "KeyIds")
    ways = (bool(keys), bool(text(login, "Password")), text(login, "KeepImageLogin") == "TRUE")
    if sum(ways) > 1:
        raise ApiError("InvalidParameterCombination", "`LoginSettings` has more than one way.")
    for key in keys:
        if not KEY_ID.fullmatch(key):
            raise ApiError("InvalidKeyPairId.Malformed", f"`{key}` is malformed.")
        if key not in catalogue.key_pairs:
            raise ApiError("InvalidKeyPairId.NotFound", f"There is no key pair `{key}`.")
    return tuple(keys)
