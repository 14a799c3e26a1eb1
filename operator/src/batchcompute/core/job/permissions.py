"""What a namespace may name with the operator's own credentials (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batchcompute.core.cospath import CosDirectory
    from batchcompute.settings import Permission

ANY = "*"


@dataclass(frozen=True, slots=True)
class Permissions:
    """The union of the settings' entries that name one namespace. `*` in a list allows all.

    `buckets`: `<bucket>` or `<bucket>/<prefix>/`.
    """

    buckets: frozenset[str] = frozenset()
    cam_roles: frozenset[str] = frozenset()
    projects: frozenset[int] = frozenset()
    hosts: frozenset[str] = frozenset()
    snapshots: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    file_systems: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[Permission], namespace: str) -> Self | None:
        """None: the operator's own credentials do not serve this namespace at all."""
        mine = [entry for entry in entries if {ANY, namespace} & set(entry.namespaces)]
        if not mine:
            return None
        return cls(
            buckets=_union(entry.buckets for entry in mine),
            cam_roles=_union(entry.cam_roles for entry in mine),
            projects=frozenset(project for entry in mine for project in entry.projects),
            hosts=_union(entry.hosts for entry in mine),
            snapshots=_union(entry.snapshots for entry in mine),
            security_groups=_union(entry.security_groups for entry in mine),
            file_systems=_union(entry.file_systems for entry in mine),
            regions=_union(entry.regions for entry in mine),
        )

    def bucket(self, directory: CosDirectory) -> bool:
        """Whether a path may lie there."""
        return any(directory.lies_in(area) for area in self.buckets)


def allows(allowed: frozenset[str], name: str) -> bool:
    """Whether a list has the name, or allows all."""
    return name in allowed or ANY in allowed


def _union(lists: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(item for items in lists for item in items)
