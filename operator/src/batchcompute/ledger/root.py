"""The Secret ``bc-ledger-root``: who owns the ledger, and where its deleted past ends.

The 409 on the next number fences an old leader only while that number exists. Closed
records are deleted, so each leader writes the ``floor`` here before it deletes anything:
the number of its own ``lead`` record, and the uids of the records that lie below it. A
record at or below the floor with any other uid was created by a leader that had already
been replaced; its author finds the floor before acting on it (docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from batchcompute.ledger import names
from batchcompute.ledger.codec import BadRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchcompute.ledger.store import StoredSecret


@dataclass(frozen=True, slots=True)
class Root:
    """``intact`` is False for a root that had to be made again beside existing records."""

    owner: str
    birth: str
    intact: bool = True
    floor: int = 0
    survivors: frozenset[str] = frozenset()

    def admits(self, seq: int, uid: str) -> bool:
        """Whether a record was created by a leader that was not replaced yet."""
        return seq > self.floor or uid in self.survivors

    def raised(self, floor: int, survivors: frozenset[str]) -> Root:
        return replace(self, floor=floor, survivors=survivors)


def encode(root: Root) -> dict[str, bytes]:
    body = {
        "v": 1,
        "owner": root.owner,
        "birth": root.birth,
        "intact": root.intact,
        "floor": root.floor,
        "survivors": sorted(root.survivors),
    }
    return {"root": orjson.dumps(body)}


def decode(data: Mapping[str, bytes]) -> Root:
    """Raises :class:`BadRecord`."""
    try:
        body = orjson.loads(data["root"])
        if body.pop("v") != 1:
            raise ValueError("another version of the root format")
        survivors = frozenset(body.pop("survivors"))
        return Root(survivors=survivors, **body)
    except (KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BadRecord(f"{names.ROOT_NAME}: {why}") from None


def is_record(secret: StoredSecret) -> bool:
    """Whether a Secret has the name of a numbered record."""
    return secret.name.startswith(names.SECRET_PREFIX) and secret.name != names.ROOT_NAME
