"""What every controller of the leader shares: clients, state, queues. Made once per leadership."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchcompute.controllers.store import JobState, Key, Store

if TYPE_CHECKING:
    from batchcompute.cloud.port import Cloud
    from batchcompute.controllers.acceptance import Acceptances
    from batchcompute.controllers.instances import Instances
    from batchcompute.controllers.lanes import Lanes
    from batchcompute.controllers.mailbox import Mailbox
    from batchcompute.controllers.members.tracked import Tracker
    from batchcompute.controllers.signers import DataKeys
    from batchcompute.kube.client import Client
    from batchcompute.kube.events import EventRecorder
    from batchcompute.kube.secrets import SecretReader
    from batchcompute.ledger.ledger import Ledger
    from batchcompute.runtime.clock import Clock
    from batchcompute.runtime.metrics import Metrics
    from batchcompute.runtime.workqueue import WorkQueue
    from batchcompute.settings import Settings

CloudOf = Callable[[str, str, str], Awaitable["Cloud"]]
"""``cloud(namespace, credential, region)``: with a Secret of that namespace, or the own key."""

LOOK_SHARE = 10.0
"""A Job is looked at no sooner than this many times its last duration (R28)."""


@dataclass
class Context:
    """Shared by the controllers of one leader; nothing here outlives its leadership.

    ``spawn`` runs work beside the caller, ``busy`` tells whether launches are under way,
    ``closed`` is set when a ledger member was closed.
    """

    settings: Settings
    clock: Clock
    metrics: Metrics
    client: Client
    ledger: Ledger
    store: Store
    tracker: Tracker
    lanes: Lanes
    events: EventRecorder
    secrets: SecretReader
    acceptances: Acceptances
    instances: Instances
    mailbox: Mailbox
    data_keys: DataKeys
    cloud: CloudOf
    jobs: WorkQueue[Key]
    members: WorkQueue[str]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    busy: Callable[[], bool]
    closed: asyncio.Event

    def poke(self, job: JobState | None) -> None:
        """Something about a Job changed: look at it, but not more often than it can bear."""
        if job is not None and job.view is not None:
            self.jobs.add_after(job.view.key, job.look_after - self.clock.monotonic())
