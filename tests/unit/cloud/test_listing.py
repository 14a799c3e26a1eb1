"""A listing by offset is no snapshot: machines that come and go between the pages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.cloud.tencent.provider import TencentCloud
from tests.support.clock import FakeClock

Listing = list[int]


class Pages:
    """Stands for the client: before each page the account changes as the script says."""

    def __init__(self, script: list[Listing]) -> None:
        self.script = script
        self.now: Listing = []
        self.calls = 0

    async def call(self, *args: Any, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.script:
            self.now = self.script.pop(0)
        body = orjson.loads(args[3])
        page = self.now[body["Offset"] : body["Offset"] + body["Limit"]]
        items = [{"InstanceId": f"ins-{number}", "InstanceState": "RUNNING"} for number in page]
        return {"InstanceSet": items, "TotalCount": len(self.now)}


ALL = list(range(250))
SCRIPTS = {
    "a quiet account is read once": ([], 3),
    "one that vanishes shifts another from page two into page one, unseen": (
        [ALL, ALL[1:], ALL[1:]],
        6,
    ),
    "one that appears shifts another into a second page": ([ALL, [-1, *ALL], [-1, *ALL]], 6),
    "one goes and one comes: the count is the same, a page has a double": (
        [ALL, [-1, *ALL[:-1]], [-1, *ALL[:-1]]],
        6,
    ),
}


@pytest.mark.parametrize(("script", "calls"), SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_a_listing_that_moved_is_read_again(script: list[Listing], calls: int) -> None:
    client = Pages(list(script) or [ALL])
    clock = FakeClock()
    cloud = TencentCloud(client, Credential("i", "k"), "r", clock=clock)  # type: ignore[arg-type]
    found = [view.instance_id for view in await cloud.list_instances({"a": "b"})]
    assert len(found) == len(set(found))
    assert {f"ins-{number}" for number in client.now} <= set(found)
    assert client.calls == calls


async def test_an_account_that_never_stands_still_is_given_up_after_three_rounds() -> None:
    client = Pages([list(range(250 + number)) for number in range(50)])
    cloud = TencentCloud(
        client,  # type: ignore[arg-type]
        Credential("i", "k"),
        "r",
        clock=FakeClock(),
    )
    await cloud.list_instances()
    assert client.calls == 9
