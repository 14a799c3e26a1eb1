"""Which type and zone to ask for next: in the order of the manifest, what is sold out left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchcompute.cloud import soldout
from batchcompute.cloud.tencent.translate import CHARGE_TYPES

if TYPE_CHECKING:
    from batchcompute.cloud.errors import RefusedError
    from batchcompute.core.launch.definition import MachineDefinition, Offering
    from batchcompute.runtime.clock import Clock


class Offerings:
    """The memory of refusals, asked by machine definition."""

    def __init__(self, clock: Clock, memory: soldout.SoldOut) -> None:
        self._clock = clock
        self._memory = memory
        self._whole: set[tuple[str, str]] = set()
        self._most: dict[str, int] = {}

    def choose(self, definition: MachineDefinition) -> Offering | None:
        """The first offering that is not known to be sold out."""
        now = self._clock.now()
        for offering in definition.offerings:
            if self._memory.allows(_place(definition, offering), now):
                return offering
        return None

    def refused(
        self, definition: MachineDefinition, offering: Offering, error: RefusedError
    ) -> None:
        self._memory.refused(_place(definition, offering), error, self._clock.now())
        self._most.pop(definition.group, None)

    def halve(self, definition: MachineDefinition, offering: Offering, members: int) -> None:
        """All or nothing was refused: ask for half as many next time (R23)."""
        self._most[definition.group] = (members + 1) // 2
        self._memory.undecided(_place(definition, offering))

    def most(self, group: str) -> int:
        """The most machines of a group that one call may ask for."""
        return self._most.get(group, 100)

    def delivered(self, definition: MachineDefinition, offering: Offering) -> None:
        """It was to be had: ask for more again."""
        if definition.group in self._most:
            self._most[definition.group] = min(100, 2 * self._most[definition.group])
        self._memory.delivered(_place(definition, offering))

    def why(self, definition: MachineDefinition) -> tuple[str, str, float] | None:
        """Of what is sold out, the offering that may be tried first: name, code, time."""
        now = self._clock.now()
        found = [
            (why[1], str(offering), why[0])
            for offering in definition.offerings
            if (why := self._memory.why(_place(definition, offering), now)) is not None
        ]
        if not found:
            return None
        at, name, code = min(found)
        return name, code, at

    def probed(self, definition: MachineDefinition) -> bool:
        """Whether one of the offerings is being tried again just now."""
        now = self._clock.now()
        places = (_place(definition, offering) for offering in definition.offerings)
        return any(self._memory.probed(place, now) for place in places)

    def partial(self, definition: MachineDefinition) -> bool:
        """Whether this account takes MinCount (R23)."""
        return (definition.credential, definition.region) not in self._whole

    def only_whole(self, definition: MachineDefinition) -> None:
        """It does not: remember it."""
        self._whole.add((definition.credential, definition.region))


def _place(definition: MachineDefinition, offering: Offering) -> soldout.Offering:
    return soldout.Offering(
        account=f"{definition.namespace}/{definition.credential}" if definition.credential else "",
        region=definition.region,
        zone=offering.place.zone,
        instance_type=offering.instance_type,
        charge_type=CHARGE_TYPES[definition.compute.charge_type],
        subnet_id=offering.place.subnet_id or "",
    )
