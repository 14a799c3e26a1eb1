"""What every child of a cluster is started with."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev.cluster.ports import ReservedPort
from dev.cluster.process import Child


@dataclass
class Launch:
    """The folder of one cluster and the children started so far, first one first."""

    directory: Path
    dies_with_owner: bool = True
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, argv: Sequence[str]) -> Child:
        child = Child(
            name,
            argv,
            log=self.directory / "log" / f"{name}.log",
            dies_with_owner=signal.SIGKILL if self.dies_with_owner else None,
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

    def stop(self) -> None:
        """Ends the children, last one first."""
        while self.children:
            self.children[-1].stop()
            self.children.pop()
