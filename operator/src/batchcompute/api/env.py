"""`env`: environment variables of a task."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel, Exclusive, Rule
from batchcompute.api.refs import OptionalSecretKeyRef

RESERVED_PREFIX = "BATCH_"


class EnvVarSource(ApiModel):
    """Where a value comes from."""

    secret_key_ref: OptionalSecretKeyRef = Field(description="One key of a Secret.")


class EnvVar(ApiModel):
    """One environment variable, by value or from a Secret."""

    EXCLUSIVE = (Exclusive(("value", "valueFrom")),)
    RULES = (
        Rule("has(self.value) || has(self.valueFrom)", "set value or valueFrom"),
        Rule(
            f"!self.name.startsWith('{RESERVED_PREFIX}')",
            "env names that begin with BATCH_ are reserved: rename the variable",
            field="name",
        ),
    )

    name: str = Field(
        min_length=1,
        max_length=256,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the variable; BATCH_... is reserved.",
    )
    value: str | None = Field(default=None, max_length=32_768, description="Value as it is.")
    value_from: EnvVarSource | None = Field(
        default=None, description="Take the value from a Secret of the same namespace."
    )
