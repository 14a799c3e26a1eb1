"""What every child is started with."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster.interrupts import held
from dev.cluster.ports import ReservedPort
from dev.cluster.process import Child


@dataclass
class Launch:
    """One folder and the children started in it so far, first one first."""

    directory: Path
    dies_with_owner: bool = True
    children: list[Child] = field(default_factory=list)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_owners_death: signal.Signals = signal.SIGKILL,
    ) -> Child:
        """Its output goes to `log/<name>.log`."""
        with held():
            child = Child(
                name,
                argv,
                log=self.directory / "log" / f"{name}.log",
                dies_with_owner=on_owners_death if self.dies_with_owner else None,
                env=env,
            )
            self.children.append(child)
        return child

    @contextmanager
    def port(self, wanted: int | None = None) -> Iterator[int]:
        """A free port, kept for the child that is started inside the block."""
        if wanted is not None:
            yield wanted
            return
        reserved = ReservedPort()
        try:
            yield reserved.number
        finally:
            reserved.release()

    def check(self) -> None:
        """Raises StartError when a child has ended."""
        for child in self.children:
            child.check()

    def stop(self, grace: float = 5.0) -> None:
        """Ends the children, last one first; each gets `grace` seconds after TERM."""
        with held():
            while self.children:
                self.children[-1].stop(grace)
                self.children.pop()
