"""Every knob of the operator, with its unit and its reason.

Settings come from one YAML file (a mounted ConfigMap); keys come from the environment
(a mounted Secret) so that the file can be printed. Unknown keys are refused: a mistyped
setting must not be a silent default.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

WORKSPACE = re.compile(r"^cos://(?P<bucket>[a-z0-9-]+-\d+)/(?P<prefix>(?:[^/]+/)*)$")

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")]
WorkspaceUrl = Annotated[str, StringConstraints(pattern=WORKSPACE.pattern)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsError(Exception):
    """The settings file cannot be used; the text names each field and what is wrong with it."""


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Endpoints(_Model):
    """Where the cloud answers; absent means the real service's own names over HTTPS."""

    api: Url | None = None
    cos: Url | None = None


class Signer(_Model):
    """One of the two narrow signers of the mailbox (R10): a sub-user's key or a role."""

    secret_name: str | None = None
    role_arn: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Signer:
        if (self.secret_name is None) == (self.role_arn is None):
            raise ValueError("set exactly one of secretName and roleArn")
        return self


class Workspace(_Model):
    """The operator's own workspace: where machines of jobs without one of their own report."""

    url: WorkspaceUrl
    put_signer: Signer | None = None
    get_signer: Signer | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30

    @property
    def bucket(self) -> str:
        """``<name>-<appid>``."""
        return self._parts("bucket")

    @property
    def prefix(self) -> str:
        """The prefix with its closing slash, or an empty string for the whole bucket."""
        return self._parts("prefix")

    def _parts(self, name: str) -> str:
        match = WORKSPACE.match(self.url)
        assert match is not None
        return match[name]


class Defaults(_Model):
    """Placement of tasks that name none (api.md, Placement)."""

    zone: str | None = None
    vpc_id: str | None = None
    subnet_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    project_id: int | None = None


class Permission(_Model):
    """What the listed namespaces may name with the operator's own credentials (R12)."""

    namespaces: tuple[str, ...]
    buckets: tuple[str, ...] = ()
    cam_roles: tuple[str, ...] = ()
    projects: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    file_systems: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


class Launch(_Model):
    """How machines are asked for (protocols.md 7)."""

    batch_scope: Literal["Namespace", "Job", "Instance"] = "Namespace"
    batch_size: Annotated[int, Field(ge=1, le=100)] = 100
    window_idle_seconds: Seconds = 0.05
    window_max_seconds: Seconds = 0.5
    claims_ahead: Annotated[int, Field(ge=1)] = 500
    boot_deadline_seconds: Seconds = 1800.0
    setup_deadline_seconds: Seconds = 3600.0
    upload_deadline_seconds: Seconds = 6 * 3600.0
    grace_seconds: Seconds = 30.0
    wait_scale: Seconds = 1.0


class Mailbox(_Model):
    """Rhythm of the mailbox (protocols.md 6)."""

    beat_seconds: Seconds = 15.0
    done_poll_seconds: Seconds = 1.0
    live_poll_seconds: Seconds = 5.0
    signature_life_seconds: Seconds | None = None
    lost_after_seconds: Seconds = 600.0


class Cloud(_Model):
    """Rhythm of the cloud calls."""

    describe_starting_seconds: Seconds = 10.0
    describe_terminating_seconds: Seconds = 10.0
    describe_others_seconds: Seconds = 60.0
    rate_share: Annotated[float, Field(gt=0, le=1)] = 0.5


class Leader(_Model):
    """The Lease: how long a dead leader blocks, how often a live one renews."""

    lease_name: str = "batchcompute-operator"
    lease_seconds: Seconds = 15.0
    renew_seconds: Seconds = 2.0
    give_up_seconds: Seconds = 10.0


class Settings(_Model):
    """The whole file."""

    namespace: str = "batchcompute-system"
    release: str = "batchcompute"
    identity: str | None = None
    app_id: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    region: str
    endpoints: Endpoints = Endpoints()
    workspace: Workspace
    defaults: Defaults = Defaults()
    permissions: tuple[Permission, ...] = ()
    launch: Launch = Launch()
    mailbox: Mailbox = Mailbox()
    cloud: Cloud = Cloud()
    leader: Leader = Leader()
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def load(path: Path) -> Settings:
    """Read and check the settings file; :class:`SettingsError` names what to mend."""
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from error
    try:
        return Settings.model_validate(raw or {})
    except ValidationError as error:
        lines = (
            f"{path}: {'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError("\n".join(lines)) from error
