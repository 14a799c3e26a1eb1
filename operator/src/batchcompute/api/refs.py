"""References to objects of the same namespace."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.types import ObjectName, SecretKey


class NameRef(ApiModel):
    """An object of the same namespace."""

    name: ObjectName = Field(description="Name of an object of the same namespace.")


class SecretKeyRef(ApiModel):
    """One key of a Secret of the same namespace."""

    name: ObjectName = Field(description="Name of a Secret of the same namespace.")
    key: SecretKey = Field(description="Key within the Secret.")


class OptionalSecretKeyRef(SecretKeyRef):
    """One key of a Secret that may be missing."""

    optional: bool = Field(
        default=False,
        description="True: the variable is left out when Secret or key is missing. Default false.",
    )
