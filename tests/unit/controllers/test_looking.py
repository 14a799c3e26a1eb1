"""What a machine's own words prove about it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from batchcompute.controllers.mailbox import attempt_path
from batchcompute.controllers.members.looking import read_result
from batchcompute.controllers.members.tracked import Tracked
from batchcompute.core.gone import Sightings, Standing, standing
from batchcompute.ledger.index import OpenMember
from batchcompute.ledger.records import Launch, LaunchState, Member
from batchcompute.mailbox.client import Object

BOUND_AT = 1000.0
MEMBER = Member(0, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "default", "job", "task", 0, 0)


def tracked() -> Tracked:
    launch = Launch(
        seq=1, nonce="ab" * 16, owner="o", state=LaunchState.BOUND, namespace="default",
        credential="", region="r", zone="z", charge_type="POSTPAID_BY_HOUR", definition="d",
        workspace="", created_at=BOUND_AT, not_after=BOUND_AT, request=b"", request_sha="",
        members=(MEMBER,), ids={0: "ins-1"}, bound_at=BOUND_AT,
    )  # fmt: skip
    mid = launch.mid(0)
    return Tracked(OpenMember(mid, MEMBER, 1, "ins-1", "", BOUND_AT), launch, Sightings(BOUND_AT))


def bucket_with(body: bytes):
    async def get(key: str, limit: int) -> Object:
        return Object(body, "", BOUND_AT + 3, BOUND_AT + 4)

    return SimpleNamespace(mailbox=SimpleNamespace(cos=SimpleNamespace(get=get)))


def result_of(mid: str) -> bytes:
    return json.dumps(
        {
            "v": 1, "mid": mid, "n": 0, "A": attempt_path(MEMBER), "outcome": "Succeeded",
            "reason": "Completed", "elapsed": {}, "outputs": {"state": "Skipped"}, "log": {},
        }
    ).encode()  # fmt: skip


async def absent_twice(one: Tracked) -> Standing:
    for at in (BOUND_AT + 20, BOUND_AT + 31):
        one.sightings = one.sightings.with_reply(None, at)
    return standing(one.sightings)


async def test_a_machine_known_by_its_result_alone_is_gone_once_it_is_absent_twice():
    one = tracked()
    assert await read_result(bucket_with(result_of(one.mid)), one, "done/x")
    assert await absent_twice(one) is Standing.GONE


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(result_of("0000000009-ababab-000"), id="the result of another machine"),
        pytest.param(b"{}", id="no result"),
    ],
)
async def test_what_is_no_result_of_it_proves_nothing(body):
    one = tracked()
    assert not await read_result(bucket_with(body), one, "done/x")
    assert await absent_twice(one) is Standing.UNSEEN
