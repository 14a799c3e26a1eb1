"""What the account finds from the start: places, types, images, networks, keys, buckets, roles."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

APP_ID = "1250000000"
UIN = "100000000001"
OPERATOR_UIN = "100000000002"
USER_UIN = "100000000003"
WORKSPACE_BUCKET = f"batchcompute-{APP_ID}"
DATA_BUCKET = f"data-{APP_ID}"
HOME_REGION = "ap-guangzhou"
START = 1_767_225_600.0
"""When images and the account were made: 2026-01-01."""


@dataclass(frozen=True, slots=True)
class Region:
    name: str
    title: str
    title_en: str


@dataclass(frozen=True, slots=True)
class Zone:
    name: str
    region: str
    zone_id: str
    title: str
    title_en: str


@dataclass(frozen=True, slots=True)
class InstanceType:
    """CPU in cores, memory in GiB."""

    name: str
    cpu: int
    memory: int
    zones: frozenset[str]

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Image:
    image_id: str
    name: str
    description: str
    cloud_init: bool
    os_name: str = "Debian 12.0 64bit"
    platform: str = "Debian"
    architecture: str = "x86_64"
    size_gib: int = 20


@dataclass(frozen=True, slots=True)
class Subnet:
    subnet_id: str
    vpc_id: str
    zone: str
    cidr: ipaddress.IPv4Network

    @property
    def addresses(self) -> range:
        """What may be given out, as numbers: not the network's, the gateway's, the broadcast."""
        first = int(self.cidr.network_address)
        return range(first + 2, first + self.cidr.num_addresses - 1)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything by its id or name. Security groups and key pairs by the region they are in."""

    regions: Mapping[str, Region]
    zones: Mapping[str, Zone]
    types: Mapping[str, InstanceType]
    images: Mapping[str, Image]
    subnets: Mapping[str, Subnet]
    security_groups: Mapping[str, str]
    key_pairs: frozenset[str]
    buckets: Mapping[str, str]
    """Bucket (with the app id) -> region."""


GUANGZHOU = ("ap-guangzhou-3", "ap-guangzhou-4", "ap-guangzhou-6")
SHANGHAI = ("ap-shanghai-2",)
EVERYWHERE = frozenset(GUANGZHOU + SHANGHAI)
NEWER = frozenset(("ap-guangzhou-4", "ap-guangzhou-6"))

# size -> cores; a type's name ends in its memory in GiB
CORES = {"SMALL": 1, "MEDIUM": 2, "LARGE": 4, "2XLARGE": 8, "4XLARGE": 16}
FAMILIES = {
    "S5": (EVERYWHERE, ("SMALL1", "SMALL2", "SMALL4", "MEDIUM2", "MEDIUM4", "MEDIUM8", "LARGE4",
                        "LARGE8", "LARGE16", "2XLARGE16", "2XLARGE32", "4XLARGE32", "4XLARGE64")),
    "SA2": (EVERYWHERE, ("SMALL1", "SMALL2", "SMALL4", "MEDIUM2", "MEDIUM4", "MEDIUM8", "LARGE8",
                         "LARGE16", "2XLARGE16", "2XLARGE32", "4XLARGE32", "4XLARGE64")),
    "C6": (NEWER, ("LARGE8", "LARGE16", "2XLARGE16", "2XLARGE32", "4XLARGE32", "4XLARGE64")),
}  # fmt: skip


def _types() -> dict[str, InstanceType]:
    types = {}
    for family, (zones, sizes) in FAMILIES.items():
        for size in sizes:
            name = next(n for n in sorted(CORES, key=len, reverse=True) if size.startswith(n))
            memory = int(size.removeprefix(name))
            full = f"{family}.{size}"
            types[full] = InstanceType(full, CORES[name], memory, zones)
    return types


def build() -> Catalogue:
    """The account's world. It is the same in every emulator."""
    zones = [
        Zone("ap-guangzhou-3", "ap-guangzhou", "100003", "广州三区", "Guangzhou Zone 3"),
        Zone("ap-guangzhou-4", "ap-guangzhou", "100004", "广州四区", "Guangzhou Zone 4"),
        Zone("ap-guangzhou-6", "ap-guangzhou", "100006", "广州六区", "Guangzhou Zone 6"),
        Zone("ap-shanghai-2", "ap-shanghai", "200002", "上海二区", "Shanghai Zone 2"),
    ]
    regions = [
        Region("ap-guangzhou", "华南地区(广州)", "South China (Guangzhou)"),
        Region("ap-shanghai", "华东地区(上海)", "East China (Shanghai)"),
    ]
    images = [
        Image("img-batch001", "batch-debian-12", "Linux with cloud-init", cloud_init=True),
        Image("img-batch002", "batch-debian-12-bare", "Linux without cloud-init", cloud_init=False),
    ]
    return Catalogue(
        regions={region.name: region for region in regions},
        zones={zone.name: zone for zone in zones},
        types=_types(),
        images={image.image_id: image for image in images},
        subnets={subnet.subnet_id: subnet for subnet in _subnets()},
        security_groups={"sg-batchgz1": "ap-guangzhou", "sg-batchsh1": "ap-shanghai"},
        key_pairs=frozenset(("skey-batch001",)),
        buckets={WORKSPACE_BUCKET: HOME_REGION, DATA_BUCKET: HOME_REGION},
    )


def _subnets() -> list[Subnet]:
    places = [
        ("subnet-batchgz3", "vpc-batchgz1", "ap-guangzhou-3", "10.0.0.0/18"),
        ("subnet-batchgz4", "vpc-batchgz1", "ap-guangzhou-4", "10.0.64.0/18"),
        ("subnet-batchgz6", "vpc-batchgz1", "ap-guangzhou-6", "10.0.128.0/18"),
        ("subnet-smallgz3", "vpc-batchgz1", "ap-guangzhou-3", "10.0.192.0/29"),
        ("subnet-batchsh2", "vpc-batchsh1", "ap-shanghai-2", "10.1.0.0/18"),
    ]
    return [Subnet(s, v, z, ipaddress.IPv4Network(cidr)) for s, v, z, cidr in places]
