"""Instances that wait for a machine, and the windows in which they become one call (7, step 1).

Pure: time is passed in. A group is what may share a RunInstances call: the same namespace,
credential, region and machine definition (R11). A window closes when it is full, when no
candidate was added for ``idle`` seconds, or ``longest`` seconds after its first one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

Slot = tuple[str, str, int]  # job uid, task, index
SLOT_BYTES = 2048  # of a machine in a directory: its signatures


@dataclass(frozen=True, slots=True)
class Candidate:
    """One attempt of one instance that needs a machine.

    ``refusals`` counts creation failures of this instance in this run (api.md, Budgets);
    ``not_before`` is the end of its waiting time, Unix seconds. ``weight``: bytes that its task
    adds to a directory, once for all its instances in it.
    """

    job_uid: str
    namespace: str
    job: str
    task: str
    index: int
    attempt: int
    priority: int
    job_created: float
    group: str
    refusals: int = 0
    not_before: float = 0.0
    command_seconds: float = 86400.0
    weight: int = 0

    @property
    def slot(self) -> Slot:
        return self.job_uid, self.task, self.index

    @property
    def rank(self) -> tuple[int, float, str, str, int]:
        """Launch order: priority, then the older job, then the lower index (R23)."""
        return -self.priority, self.job_created, self.job_uid, self.task, self.index


def fitting(batch: Sequence[Candidate], limit: int) -> int:
    """How many of the first members fit into a directory of ``limit`` bytes; one always does."""
    size, tasks = 0, set[tuple[str, str]]()
    for number, one in enumerate(batch):
        size += SLOT_BYTES
        if (one.job_uid, one.task) not in tasks:
            tasks.add((one.job_uid, one.task))
            size += one.weight
        if size > limit and number:
            return number
    return len(batch)


@dataclass
class _Window:
    """Candidates of a group, and since when each could be launched."""

    waiting: dict[Slot, Candidate] = field(default_factory=dict)
    since: dict[Slot, float] = field(default_factory=dict)

    def due(self, now: float) -> list[Candidate]:
        return [one for one in self.waiting.values() if one.not_before <= now]

    def closes_at(self, due: Iterable[Candidate], idle: float, longest: float) -> float:
        times = [self.since[one.slot] for one in due]
        return min(max(times) + idle, min(times) + longest)


class Pool:
    """Candidates by group. ``size`` is the most members of one call."""

    def __init__(self, *, size: int, idle: float, longest: float) -> None:
        self._size = size
        self._idle = idle
        self._longest = longest
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return sum(len(window.waiting) for window in self._windows.values())

    def add(self, candidates: Iterable[Candidate], now: float) -> None:
        """Put candidates in; one that is there already is replaced."""
        for candidate in candidates:
            window = self._windows.setdefault(candidate.group, _Window())
            window.waiting[candidate.slot] = candidate
            since = window.since.get(candidate.slot, now)
            window.since[candidate.slot] = max(since, candidate.not_before)

    def withdraw(self, job_uid: str) -> list[Candidate]:
        """Take out everything of a job."""
        return [one for one in list(self) if one.job_uid == job_uid and self._remove(one)]

    def hasten(self, slot: Slot, now: float) -> None:
        """End the waiting time of one candidate."""
        for window in self._windows.values():
            one = window.waiting.get(slot)
            if one is not None and one.not_before > now:
                window.waiting[slot] = replace(one, not_before=now)
                window.since[slot] = now

    def reprioritize(self, job_uid: str, priority: int) -> None:
        """A job's priority was changed while its instances wait."""
        for window in self._windows.values():
            for slot, one in window.waiting.items():
                if one.job_uid == job_uid and one.priority != priority:
                    window.waiting[slot] = replace(one, priority=priority)

    def __iter__(self) -> Iterator[Candidate]:
        for window in self._windows.values():
            yield from list(window.waiting.values())

    def closed(self, now: float) -> list[str]:
        """Groups whose window is closed, the one with the best candidate first."""
        ready = [
            (min(one.rank for one in due), group)
            for group, window in self._windows.items()
            if (due := window.due(now)) and self._is_closed(window, due, now)
        ]
        return [group for _, group in sorted(ready)]

    def take(self, group: str, now: float) -> list[Candidate]:
        """The best candidates of a group, at most ``size``, in launch order."""
        window = self._windows.get(group)
        if window is None:
            return []
        chosen = sorted(window.due(now), key=lambda one: one.rank)[: self._size]
        for one in chosen:
            self._remove(one)
        return chosen

    def groups(self) -> set[str]:
        """Groups of which somebody waits."""
        return set(self._windows)

    def next_close(self, now: float, without: Collection[str] = ()) -> float | None:
        """When :meth:`closed` may next have something, Unix seconds; ``None``: never by time.

        Groups in ``without`` cannot be launched now: something else than time will tell.
        """
        times = []
        for group, window in self._windows.items():
            if group in without:
                continue
            if due := window.due(now):
                times.append(window.closes_at(due, self._idle, self._longest))
            waiting = [one.not_before for one in window.waiting.values() if one.not_before > now]
            if waiting:
                times.append(min(waiting) + self._idle)
        return min(times, default=None)

    def _is_closed(self, window: _Window, due: list[Candidate], now: float) -> bool:
        full = len(due) >= self._size
        return full or now >= window.closes_at(due, self._idle, self._longest)

    def _remove(self, candidate: Candidate) -> bool:
        window = self._windows[candidate.group]
        window.waiting.pop(candidate.slot, None)
        window.since.pop(candidate.slot, None)
        if not window.waiting:
            del self._windows[candidate.group]
        return True
