"""What machines are told at boot, when something of one of their tasks is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batchcompute.cloud import errors
from batchcompute.controllers.launch.directories import Directories
from batchcompute.kube.resources import SECRETS
from tests.support.leading import TASK, Leading, leading

TOKEN = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
OUTPUT = {"path": "/out", "destination": "cos://data-1250000000/out/"}


async def put_secret(here: Leading, value: str) -> None:
    meta = {"namespace": "team-a", "name": "s"}
    await here.api.create(SECRETS, {"metadata": meta, "data": {"k": value}})


async def together(here: Leading, odd: dict[str, Any]) -> None:
    """One launch with an instance of an odd job and one of an ordinary job."""
    for name, more in (("odd", odd), ("plain", {})):
        job = await here.job(name, tasks=[TASK | more])
        here.enlist(job, (0, 0))
    await here.launch()
    assert len(here.cloud.ran) == 1


def told(here: Leading) -> dict[str, Any]:
    (body,) = (body for key, (body, _) in here.bucket.objects.items() if "/dir/" in key)
    found: dict[str, Any] = json.loads(body)
    return found


HELD: dict[str, dict[str, Any]] = {
    "a Secret is gone": {"env": [TOKEN]},
    "no key for a path can be made": {"outputMappings": [OUTPUT]},
}


@pytest.mark.parametrize("odd", HELD.values(), ids=HELD)
async def test_a_member_that_cannot_be_told_holds_up_no_other(odd: dict[str, Any]) -> None:
    here = await leading()
    await together(here, odd)
    here.cloud.failing = errors.AuthError("UnauthorizedOperation")
    directories = Directories(here.ctx)
    again = await directories.reconcile(2)
    assert [slot["run"]["env"]["BATCH_JOB_NAME"] for slot in told(here)["slots"].values()] == [
        "plain"
    ]
    assert again is not None and again <= 10.0
    here.cloud.failing = None
    await put_secret(here, "aGVsbG8=")
    assert await directories.reconcile(2) is None
    assert len(told(here)["slots"]) == 2


async def test_a_directory_that_would_say_the_same_is_not_written_again() -> None:
    here = await leading()
    await together(here, HELD["a Secret is gone"])
    directories = Directories(here.ctx)
    await directories.reconcile(2)
    here.bucket.objects.clear()
    assert await directories.reconcile(2) is not None
    assert not here.bucket.objects


async def test_a_value_that_is_no_text_reaches_the_machine_as_its_bytes() -> None:
    here = await leading()
    await put_secret(here, "//4A/w==")
    await together(here, {"env": [TOKEN]})
    assert await Directories(here.ctx).reconcile(2) is None
    (value,) = (task["env"]["TOKEN"] for task in told(here)["tasks"].values() if task["env"])
    assert value.encode("utf-8", "surrogateescape") == b"\xff\xfe\x00\xff"


async def test_what_does_not_fit_into_one_directory_waits() -> None:
    here = await leading()
    meta = {"namespace": "team-a", "name": "s"}
    await here.api.create(SECRETS, {"metadata": meta, "data": {"k": "QUFB" * (1024 * 1024)}})
    env = [TOKEN, TOKEN | {"name": "AGAIN"}]
    for name in ("large", "larger"):
        here.enlist(await here.job(name, tasks=[TASK | {"env": env}]), (0, 0))
    await together(here, {})
    assert await Directories(here.ctx).reconcile(2) is not None
    assert len(told(here)["slots"]) == 3
