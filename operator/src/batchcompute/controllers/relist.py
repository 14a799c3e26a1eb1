"""What kopf did not hear: it misses deletions while its watch is broken (L4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from batchcompute.kube.resources import JOBS, TASK_TEMPLATES

if TYPE_CHECKING:
    from batchcompute.controllers.kinds import Templates
    from batchcompute.controllers.store import JobView, Store
    from batchcompute.kube.client import Client

Event = Callable[[str | None, Mapping[str, Any]], None]


async def relist(
    client: Client,
    store: Store,
    templates: Templates,
    *,
    job: Event,
    template: Event,
    gone: Callable[[JobView], None],
) -> None:
    """Tell of everything that is there, and of what went unheard.

    Only what was known before the listing began can be missing from it: what was made
    meanwhile is not in it either, and lives.
    """
    before = templates.keys()
    async for page in client.pages(TASK_TEMPLATES):
        for body in page.items:
            before.discard((body["metadata"]["namespace"], body["metadata"]["name"]))
            template(None, body)
    for key in before:
        templates.drop(key)
    known = {one.uid: one.view for one in store.jobs() if one.view is not None}
    async for page in client.pages(JOBS):
        for body in page.items:
            known.pop(body["metadata"]["uid"], None)
            job(None, body)
    for view in known.values():
        gone(view)
