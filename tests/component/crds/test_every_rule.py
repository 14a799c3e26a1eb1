"""No rule of the CRDs is without a manifest that meets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from batchcompute.api.crdgen import object_schema
from batchcompute.api.kinds import CRDS, Crd
from tests.component.crds import test_refused, test_updates

SEEN = "\n".join(
    [
        *(message for _, message in test_refused.JOBS.values()),
        *(message for _, _, message in test_refused.OTHERS.values()),
        *(message for _, message in test_updates.REFUSED.values()),
        *(message for _, message in test_updates.ENV_REFUSED.values()),
        *(message for _, message in test_updates.CHILD_REFUSED.values()),
    ]
)
IMMUTABLE = " is immutable: leave it as it was, or create a ComputeEnv of another name"
"""Generated from one line for every field of an env: two of them are tried."""


def messages(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", ()):
            yield rule["message"]
        for value in schema.values():
            yield from messages(value)


@pytest.mark.parametrize("crd", CRDS, ids=lambda crd: crd.kind)
def test_every_message_was_seen(crd: Crd) -> None:
    unseen = [m for m in messages(object_schema(crd)) if m not in SEEN]
    assert [message for message in unseen if not message.endswith(IMMUTABLE)] == []
