"""TerminateInstances in batches that one bad id does not spoil (R24)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BATCH = 100
TERMINATE_AGAIN = 30.0  # seconds; a lost reply needs nothing: look and repeat

# In these the cloud refuses, and the refusal fails the whole call.
_BUSY = frozenset({"PENDING", "STARTING", "STOPPING", "REBOOTING", "TERMINATING", "LAUNCH_FAILED"})


@dataclass(frozen=True, slots=True)
class Going:
    """A machine to be terminated. ``credential`` is the name of a Secret of ``namespace``."""

    instance_id: str
    credential: str
    region: str
    charge_type: str
    namespace: str = ""

    @property
    def group(self) -> tuple[str, str, str, str]:
        return self.namespace, self.credential, self.region, self.charge_type


def terminable(state: str | None, *, wrote_done: bool) -> bool:
    """Whether the last seen state allows it; a machine that wrote ``done`` is running."""
    if state is None or state == "PENDING":
        return wrote_done
    return state not in _BUSY


def batches(machines: Iterable[Going]) -> list[tuple[Going, ...]]:
    """Calls to make: one account, region and charge type each, at most 100 ids."""
    groups: dict[tuple[str, str, str, str], list[Going]] = defaultdict(list)
    for one in sorted(machines, key=lambda m: (m.group, m.instance_id)):
        groups[one.group].append(one)
    return [
        tuple(group[at : at + BATCH])
        for group in groups.values()
        for at in range(0, len(group), BATCH)
    ]


def after_refusal(
    batch: Sequence[Going], states: Mapping[str, str | None]
) -> list[tuple[Going, ...]]:
    """The calls that follow a refused one, from a fresh description of its ids.

    Ids that are absent, or in a state that the cloud refuses, are left to the next look. If
    that explains nothing the batch is bisected; a single id that is still refused is left too.
    """
    fit = [m for m in batch if states.get(m.instance_id) and states[m.instance_id] not in _BUSY]
    if len(fit) < len(batch):
        return [tuple(fit)] if fit else []
    if len(fit) < 2:
        return []
    middle = (len(fit) + 1) // 2
    return [tuple(fit[:middle]), tuple(fit[middle:])]
