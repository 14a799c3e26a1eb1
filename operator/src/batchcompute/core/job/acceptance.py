"""What acceptance is given besides the job, and what it answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from batchcompute.core.cospath import CosDirectory
from batchcompute.core.job.places import DefaultPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchcompute.core.job.observed import Refusal
    from batchcompute.core.job.resolved import ResolvedTask
    from batchcompute.settings import Permission, Settings
    from batchcompute.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class SecretView:
    """What acceptance may know of a Secret: never a value.

    `app_id`: the account that its key belongs to, None while nobody has asked the cloud; it is then
    taken for the operator's own.
    """

    keys: frozenset[str]
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that acceptance judges by. `workspaces`: all known ones, the own one among
    them; no user path may overlap any of them."""

    app_id: str
    region: str
    workspace: CosDirectory
    default_place: DefaultPlace = field(default_factory=DefaultPlace)
    permissions: tuple[Permission, ...] = ()
    workspaces: tuple[CosDirectory, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings, workspaces: tuple[CosDirectory, ...] = ()) -> Self:
        own = CosDirectory(settings.workspace.bucket, settings.workspace.prefix)
        place = settings.defaults
        return cls(
            app_id=settings.app_id,
            region=settings.region,
            workspace=own,
            default_place=DefaultPlace(
                place.zone,
                place.vpc_id,
                place.subnet_id,
                place.security_group_ids,
                place.project_id,
            ),
            permissions=settings.permissions,
            workspaces=(own, *workspaces),
        )


@dataclass(frozen=True, slots=True)
class Frozen:
    """What came from settings, as `status.resolved` keeps it for the life of the job."""

    region: str
    workspace: str
    account: str
    place: DefaultPlace = field(default_factory=DefaultPlace)

    def as_json(self) -> dict[str, Any]:
        """`status.resolved`; what is not set is left out."""
        values = {
            "region": self.region,
            "workspace": self.workspace,
            "account": self.account,
            "zone": self.place.zone,
            "vpcId": self.place.vpc_id,
            "subnetId": self.place.subnet_id,
            "securityGroupIds": list(self.place.security_group_ids),
            "projectId": self.place.project_id,
        }
        return {name: value for name, value in values.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, resolved: Mapping[str, Any]) -> Self:
        """Read `status.resolved` of an accepted job."""
        return cls(
            region=resolved["region"],
            workspace=resolved["workspace"],
            account=resolved["account"],
            place=DefaultPlace(
                resolved.get("zone"),
                resolved.get("vpcId"),
                resolved.get("subnetId"),
                tuple(resolved.get("securityGroupIds", ())),
                resolved.get("projectId"),
            ),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps a job from being accepted.

    `path`: JSON path within the task (or spec, when `task` is None). `missing`: another object is
    not there (yet).
    """

    reason: Reason
    message: str
    task: str | None = None
    path: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Accepted with complete tasks, or refused. `tasks` and `frozen` are set when accepted."""

    tasks: tuple[ResolvedTask, ...] = ()
    frozen: Frozen | None = None
    refusal: Refusal | None = None
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def accepted(self) -> bool:
        return self.refusal is None
