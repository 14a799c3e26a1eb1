"""The hollow machine beside the real runner, on the same directory."""

from __future__ import annotations

import asyncio

import pytest

from batchcompute.mailbox.definition import Definition
from batchcompute.mailbox.inbound import parse_beat
from batchcompute.runner.userdata import render, runner_sha256, runner_source
from tests.support.eventually import eventually
from tests.support.hollow import script
from tests.support.hollow.http import Pool
from tests.support.hollow.machine import Refused, World, act
from tests.support.runner import INSTANCE, LAUNCH, LAYOUT, MID, RID, WS, Host

TASK = Definition(command="sleep 0.5")


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


def boot(host: Host) -> script.Boot:
    """What a machine finds: the runner in the bucket, and user data."""
    sha = runner_sha256()
    host.bucket.put(WS, LAYOUT.runner(sha), runner_source())
    return script.parse(render(LAUNCH, host.granter.boot(LAUNCH, sha), 60, sha))


async def play(host: Host, instance: str = INSTANCE) -> World:
    world = World(Pool(host.bucket.url, 4), command_seconds=0.1)
    try:
        await act(world, instance, boot(host))
    finally:
        world.pool.close()
    return world


async def test_it_says_what_the_real_runner_says_in_the_same_order(host, tmp_path_factory):
    real = Host(tmp_path_factory.mktemp("real"))
    try:
        real.direct(TASK)
        wanted = real.finish()
        order = [key for key in real.order() if "/out." not in key and "/err." not in key]
    finally:
        real.close()

    host.direct(TASK)
    world = await play(host)
    found = host.result()
    assert world.done == 1
    assert host.order() == order
    same = {"v", "mid", "n", "A", "outcome", "reason", "exit"}
    assert found.model_dump(include=same) == wanted.model_dump(include=same)
    assert found.outputs.state == wanted.outputs.state
    assert host.bucket.refused == []


async def test_its_beats_have_the_form_of_a_beat(host):
    host.direct(TASK)
    await play(host)
    for phase in range(3):
        (body,) = host.bucket.history(WS, LAYOUT.live(RID, phase))
        line = parse_beat(body).line
        assert (line.mid, line.p) == (MID, phase)


async def test_it_waits_for_its_directory(host):
    playing = asyncio.create_task(play(host))
    await eventually(
        lambda: any("dir/" in request.key for request in host.bucket.requests), "a first look"
    )
    host.direct(TASK)
    assert (await playing).done == 1


async def test_a_machine_that_the_directory_does_not_name_is_told(host):
    host.direct(TASK)
    with pytest.raises(Refused, match="ins-other has no run"):
        await play(host, "ins-other")


async def test_a_refused_write_is_told(host):
    host.direct(TASK)
    host.bucket.fault = lambda request: "403" if "done/" in request.key else None
    with pytest.raises(Refused, match="done/"):
        await play(host)


def test_a_script_that_is_no_boot_script_is_told():
    with pytest.raises(ValueError, match="user data without 'L'"):
        script.parse(b"#!/bin/sh\necho hello\n")
