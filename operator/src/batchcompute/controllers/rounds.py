"""Rounds of the leader's loops: one that fails is told and comes again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from batchcompute.cloud.errors import CloudError
from batchcompute.ledger.errors import Deposed
from batchcompute.mailbox.errors import CosError

log = logging.getLogger(__name__)

EXPECTED = (CloudError, CosError)
"""What a service that is away, or refuses, raises: one line tells enough."""


async def attempt(work: Awaitable[object], what: str) -> bool:
    """Whether ``work`` went well. Only :class:`Deposed` passes: it ends the leadership (R2).

    A loop of the leader must not end by an error of one account, one machine or one answer: all
    machines would be left alone.
    """
    try:
        await work
    except Deposed:
        raise
    except EXPECTED as error:
        log.warning("%s: %s", what, error)
    except Exception:
        log.exception("%s failed; it comes again", what)
    else:
        return True
    return False
