"""How often: requests per second to one object or bucket, over which COS says SlowDown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .errors import CosError

if TYPE_CHECKING:
    from ..clock import Clock
    from ..settings import Settings

OBJECT_WRITES = 50  # PUT and DELETE of one key
OBJECT_READS = 1000
LISTS = 1000  # of one bucket
MULTI_DELETES = 300  # of one bucket


class Rates:
    """Counts in the current second. `rate_limit_factor` multiplies every limit; 0 is no limit."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._second = 0
        self._taken: Counter[tuple[str, str, str]] = Counter()

    def take(self, kind: str, bucket: str, key: str, limit: int) -> None:
        """Counts one request; raises CosError SlowDown beyond the limit."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second = second
            self._taken.clear()
        self._taken[kind, bucket, key] += 1
        factor = self._settings.rate_limit_factor
        if factor and self._taken[kind, bucket, key] > limit * factor:
            raise CosError("SlowDown")
