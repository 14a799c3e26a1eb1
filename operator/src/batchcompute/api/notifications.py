"""`notifications`: who is told of events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.refs import SecretKeyRef
from batchcompute.api.types import ATOMIC, SET
from batchcompute.vocabulary import NotificationEvent

VarValue = Annotated[str, Field(max_length=1_024)]


class Notification(ApiModel):
    """One receiver of events."""

    target: str = Field(
        min_length=1,
        max_length=1_024,
        pattern=r"^(https|tdmq)://[^/]+.*$",
        description="https URL (CloudEvents), or tdmq://<topic>.",
    )
    signing_secret_ref: SecretKeyRef | None = Field(
        default=None, description="Key that signs what is sent to an https URL."
    )
    events: tuple[NotificationEvent, ...] = Field(
        min_length=1,
        max_length=19,
        description="Events to send, by their names in the original service.",
        json_schema_extra=SET,
    )
    vars: dict[str, VarValue] = Field(
        default_factory=dict, max_length=20, description="Copied into every message."
    )


class NotificationStatus(ApiModel):
    """How the sending goes."""

    target: str = Field(max_length=1_024, description="Receiver, as in spec.")
    delivered: int = Field(default=0, description="Messages that were taken.")
    failed: int = Field(default=0, description="Messages that were given up.")
    last_error: str = Field(default="", max_length=256, description="Last failure, shortened.")


Notifications = Annotated[
    tuple[Notification, ...],
    Field(max_length=10, description="Who is told of events.", json_schema_extra=ATOMIC),
]
