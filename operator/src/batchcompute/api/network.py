"""Networks, public access and login of a machine."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Exclusive
from batchcompute.api.refs import SecretKeyRef
from batchcompute.api.types import ATOMIC, CloudConstant, CloudId


class VirtualPrivateCloud(ApiModel):
    """A network and one of its subnets; the subnet decides the zone."""

    MERGED = True

    vpc_id: CloudId = Field(description="Network, e.g. vpc-0a1b2c3d.")
    subnet_id: CloudId = Field(description="Subnet of that network, e.g. subnet-0a1b2c3d.")


class InternetAccessible(ApiModel):
    """Access to the public network."""

    MERGED = True

    max_bandwidth_out: int = Field(
        default=0, ge=0, le=2_000, description="Outgoing bandwidth in Mbit/s. Default 0 (none)."
    )
    charge_type: CloudConstant | None = Field(
        default=None, description="How traffic is billed, e.g. TRAFFIC_POSTPAID_BY_HOUR."
    )
    bandwidth_package_id: CloudId | None = Field(
        default=None, description="Bandwidth package that the traffic is billed to."
    )
    public_ip: bool = Field(
        default=False, description="Assign a public address. Needs maxBandwidthOut above 0."
    )


class Login(ApiModel):
    """How people log in; without it the cloud makes up a password."""

    MERGED = True
    EXCLUSIVE = (Exclusive(("keyIds", "passwordSecretRef", "keepImageLogin")),)

    key_ids: tuple[CloudId, ...] = Field(
        default=(), max_length=10, description="SSH key pairs.", json_schema_extra=ATOMIC
    )
    password_secret_ref: SecretKeyRef | None = Field(
        default=None, description="Password of the login user; travels in RunInstances alone."
    )
    keep_image_login: bool | None = Field(
        default=None, description="True: keep the login settings of the image."
    )


class EnhancedService(ApiModel):
    """Agents of the vendor; each as the cloud has it by default when left out."""

    MERGED = True

    security: bool | None = Field(default=None, description="Security agent.")
    monitor: bool | None = Field(default=None, description="Monitoring agent.")
    automation: bool | None = Field(default=None, description="TencentCloud Automation Tools.")
