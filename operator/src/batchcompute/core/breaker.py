"""A definition whose machines do not boot is tried one machine at a time (interleaving 16)."""

from __future__ import annotations

from dataclasses import dataclass, replace

OPEN_AT = 3  # boot failures in a row


@dataclass(frozen=True, slots=True)
class Breaker:
    """The boots of one machine definition: failures in a row, and the probe that is out."""

    failures: int = 0
    probe: str | None = None

    @property
    def is_open(self) -> bool:
        return self.failures >= OPEN_AT

    @property
    def room(self) -> int | None:
        """Machines that may be asked for now; ``None`` is no bound."""
        if not self.is_open:
            return None
        return 0 if self.probe is not None else 1

    def launched(self, probe: str) -> Breaker:
        """While open, the one launch that is under way; it counts until its boot ends."""
        return replace(self, probe=probe) if self.is_open else self

    def booted(self) -> Breaker:
        """Any machine of the definition beat: the definition works."""
        return Breaker()

    def failed(self, probe: str) -> Breaker:
        """A machine missed its boot deadline; one from before the probe does not free it."""
        kept = None if probe == self.probe else self.probe
        return Breaker(self.failures + 1, kept)

    def ended(self, probe: str) -> Breaker:
        """The launch of the probe ended without a boot either way: void, cancelled."""
        return replace(self, probe=None) if probe == self.probe else self
