"""The cloud as the operator sees it: one object per credential and region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from batchcompute.cloud.credential import Credential


@dataclass(frozen=True, slots=True)
class RunReply:
    """Ids of machines that were asked for: in no order, and no proof that they will run."""

    instance_ids: tuple[str, ...]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class MachineView:
    """What a description says of one machine. ``created`` is Unix seconds.

    ``state`` and ``charge_type`` are the cloud's words (PENDING .., POSTPAID_BY_HOUR, SPOTPAID).
    ``operation_state`` and ``operation_error`` are of the latest operation: why a launch failed.
    """

    instance_id: str
    state: str
    zone: str
    instance_type: str
    private_ip: str
    charge_type: str
    created: float
    operation_state: str = ""
    operation_error: str = ""
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone; ``available`` is False for one that the cloud no longer offers."""

    zone: str
    available: bool


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image; ``cloud_init``: it runs user data, without which no runner starts."""

    image_id: str
    state: str
    platform: str
    cloud_init: bool


@dataclass(frozen=True, slots=True)
class InstanceTypeView:
    """A type of one zone."""

    zone: str
    instance_type: str
    family: str
    cpu: int
    memory_gib: int
    gpu: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose key it is. ``account_id`` is the uin that pays."""

    account_id: str
    arn: str
    type: str


class Cloud(Protocol):
    """Every method raises a ``batchcompute.cloud.errors.CloudError`` and waits for its place
    under the rate limit of its action."""

    async def run_instances(self, request: bytes) -> RunReply:
        """Send exactly these bytes as RunInstances, once. RefusedError: nothing was made."""

    async def describe_instances(self, instance_ids: Sequence[str]) -> list[MachineView]:
        """At most 100 ids. One that is gone, or too young for the listing, is absent (R6)."""

    async def list_instances(self, tags: Mapping[str, str] | None = None) -> list[MachineView]:
        """All machines with all of these tags (``None``: of the account), each once.

        Read again when the listing was seen to change under its pages; one machine gone and
        another come between two pages can stay unseen. So absence is no verdict (R4, R6).
        """

    async def terminate_instances(self, instance_ids: Sequence[str]) -> None:
        """At most 100 ids of one charge type; all or nothing (R24)."""

    async def describe_zones(self) -> list[ZoneView]: ...

    async def describe_images(self, image_ids: Sequence[str]) -> list[ImageView]:
        """Those of the ids that exist."""

    async def describe_instance_types(self, zone: str | None = None) -> list[InstanceTypeView]: ...

    async def assume_role(
        self, role_arn: str, *, session: str, seconds: int, policy: str | None = None
    ) -> Credential:
        """Temporary keys of a role, narrowed by a CAM policy (JSON text)."""

    async def get_federation_token(self, *, name: str, seconds: int, policy: str) -> Credential:
        """Temporary keys of this key's own account, narrowed by a CAM policy (JSON text)."""

    async def get_caller_identity(self) -> Identity: ...
