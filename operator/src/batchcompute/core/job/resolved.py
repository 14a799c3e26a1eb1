"""A task as it runs: the template merged in, defaults filled in, nothing left to look up."""

from __future__ import annotations

from batchcompute.api.task import TaskFields
from batchcompute.core.job.observed import Edge


class ResolvedTask(TaskFields):
    """The fields of a task, complete. `edges` have the job's policy where they had none."""

    name: str
    edges: tuple[Edge, ...] = ()
    template: str | None = None

    @property
    def size(self) -> int:
        """Number of instances."""
        if self.instances is not None:
            return self.instances
        return len(self.application.commands) or 1
