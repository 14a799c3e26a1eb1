"""What the cloud had no stock or quota for a moment ago: remembered, then probed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from batchcompute.cloud import timing
from batchcompute.cloud.errors import Scope, scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batchcompute.cloud.errors import RefusedError


class Offering(NamedTuple):
    """Something that may be asked for. ``account`` tells whose stock and quota it is."""

    account: str
    region: str
    zone: str
    instance_type: str
    charge_type: str
    subnet_id: str = ""


@dataclass(slots=True)
class _Mark:
    until: float
    code: str
    probe: float | None = None


_Place = tuple[Scope, str, str, str, str]


class SoldOut:
    """``allows`` answers whether to try an offering now.

    After a refusal it says no for some minutes; then yes to one caller, the probe, and no to the
    others until that one reports :meth:`delivered`, :meth:`refused` or :meth:`undecided`.
    """

    def __init__(self, seconds: float = timing.SOLD_OUT, probe: float = timing.PROBE) -> None:
        self._seconds = seconds
        self._probe = probe
        self._marks: dict[_Place, _Mark] = {}

    def refused(self, offering: Offering, error: RefusedError, now: float) -> None:
        """Remember the refusal for the offering, its whole zone, region or subnet."""
        place = _place(scope(error), offering)
        self._marks[place] = _Mark(now + self._seconds, error.code)

    def delivered(self, offering: Offering) -> None:
        """It was to be had: forget what stood against it."""
        for place in _places(offering):
            self._marks.pop(place, None)

    def undecided(self, offering: Offering) -> None:
        """The probe says nothing about the next (it asked for too many): the next may try."""
        for place in _places(offering):
            if place in self._marks:
                self._marks[place].probe = None

    def allows(self, offering: Offering, now: float) -> bool:
        """Whether to try it. A True after a refusal is the probe: report how it went."""
        marks = [mark for place in _places(offering) if (mark := self._marks.get(place))]
        if any(self._blocks(mark, now) for mark in marks):
            return False
        for mark in marks:
            mark.probe = now
        return True

    def why(self, offering: Offering, now: float) -> tuple[str, float] | None:
        """The code that stands against it and when it may be tried again; ``None``: nothing."""
        marks = [self._marks[place] for place in _places(offering) if place in self._marks]
        blocking = [mark for mark in marks if self._blocks(mark, now)]
        if not blocking:
            return None
        last = max(blocking, key=self._free_at)
        return last.code, self._free_at(last)

    def probed(self, offering: Offering, now: float) -> bool:
        """Whether nothing but a probe that is out stands against it: its answer is near."""
        marks = [self._marks[place] for place in _places(offering) if place in self._marks]
        blocking = [mark for mark in marks if self._blocks(mark, now)]
        return bool(blocking) and all(mark.until <= now for mark in blocking)

    def _blocks(self, mark: _Mark, now: float) -> bool:
        return now < self._free_at(mark)

    def _free_at(self, mark: _Mark) -> float:
        return mark.until if mark.probe is None else max(mark.until, mark.probe + self._probe)


def _place(reach: Scope, offering: Offering) -> _Place:
    where = {
        Scope.OFFERING: (offering.zone, offering.instance_type, offering.charge_type),
        Scope.ZONE: (offering.zone, "", offering.charge_type),
        Scope.SUBNET: (offering.subnet_id, "", ""),
        Scope.REGION: ("", "", offering.charge_type),
    }[reach]
    return (reach, f"{offering.account}/{offering.region}", *where)


def _places(offering: Offering) -> Iterator[_Place]:
    return (
        _place(reach, offering) for reach in Scope if reach != Scope.SUBNET or offering.subnet_id
    )
