"""The mailbox of members: boxes, clean-up, hostile results, signatures over a change of leader."""

from __future__ import annotations

import json

import pytest

from batchcompute.cloud import errors
from batchcompute.cloud.credential import Credential
from batchcompute.controllers.members.listening import Listener
from batchcompute.controllers.members.looking import saw_beat
from batchcompute.core.member_facts import AskCancel, Pulse
from batchcompute.mailbox.errors import UnavailableError
from batchcompute.mailbox.listing import Entry
from batchcompute.vocabulary import Reason
from tests.support.leading import TASK, Leading, leading

AWAY = UnavailableError("PUT", 503, "SlowDown", "", "")
OUTPUT = {"path": "/out", "destination": "cos://data-1250000000/out/"}
HOUR = 3600.0


async def one_member(here: Leading, **task: object):  # type: ignore[no-untyped-def]
    job = await here.job(tasks=[TASK | task])
    (mid,) = await here.launched(job)
    one = here.ctx.tracker.get(mid)
    assert one is not None
    return one


def box_of(here: Leading, mid: str) -> dict[str, object]:
    body, _ = here.bucket.objects[here.ctx.mailbox.layout.box(mid)]
    found: dict[str, object] = json.loads(body)
    return found


async def renewed(here: Leading) -> None:
    listener = Listener(here.ctx, here.members)
    now = here.clock.now()
    for one in here.ctx.tracker:
        if listener._is_due(one, now):
            await listener._renew(one)


async def test_a_cancel_that_could_not_be_written_is_written_soon() -> None:
    here = await leading()
    one = await one_member(here)
    here.bucket.failing = AWAY
    await here.members._perform(one, AskCancel(Reason.TERMINATED))
    here.bucket.failing = None
    await renewed(here)
    assert box_of(here, one.mid)["cancel"] == {"n": 0, "reason": "Terminated"}


async def test_a_cancel_is_told_when_no_key_for_the_paths_can_be_made() -> None:
    here = await leading()
    one = await one_member(here, outputMappings=[OUTPUT])
    here.cloud.failing = errors.AuthError("UnauthorizedOperation")
    await here.members._perform(one, AskCancel(Reason.TERMINATED))
    assert "cancel" in box_of(here, one.mid)
    assert one.refresh_at is not None and one.refresh_at <= here.clock.now() + 60.0


async def test_a_box_without_a_run_brings_no_grants_that_its_signatures_do_not_fit() -> None:
    here = await leading()
    one = await one_member(here)
    here.ctx.acceptances.forget(one.open.member.job_uid)
    await here.members._perform(one, AskCancel(Reason.DELETED))
    assert {"put", "get", "boxGet"}.isdisjoint(box_of(here, one.mid))


async def test_control_objects_that_were_not_deleted_are_deleted_later() -> None:
    here = await leading()
    one = await one_member(here)
    keys = here.ctx.mailbox.control_keys(one.mid)
    for key in keys:
        await here.bucket.put(key, b"x")
    here.bucket.failing = AWAY
    with pytest.raises(UnavailableError):
        await here.members._delete_keys([one.mid])
    here.bucket.failing = None
    await here.clock.advance(31.0)
    assert one.mid in here.members.cleaning
    await here.members._delete_keys([one.mid])
    assert not here.bucket.objects.keys() & set(keys)


HOSTILE = {"no result": b"{}", "a result of 5 GB": b"x" * 20_000}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_result_is_read_once_at_most(body: bytes) -> None:
    here = await leading()
    one = await one_member(here)
    await here.bucket.put(here.ctx.mailbox.layout.done(one.rid), body)
    listener = Listener(here.ctx, here.members)
    for _ in range(3):
        await listener._list_done()
    assert len(here.bucket.gets) == (0 if len(body) > 16_384 else 1)
    assert one.result is None


async def test_a_result_that_is_listed_and_not_found_yet_is_read_again() -> None:
    here = await leading()
    one = await one_member(here)
    key = here.ctx.mailbox.layout.done(one.rid)
    await here.bucket.put(key, b"{}")
    listener = Listener(here.ctx, here.members)
    body = here.bucket.objects.pop(key)
    listed = Entry(key, here.clock.now(), "etag", 2)
    await listener._read_done(one, listed)
    here.bucket.objects[key] = body
    await listener._list_done()
    assert here.bucket.gets == [key, key]


async def test_a_beat_that_cannot_be_read_keeps_no_other_from_counting() -> None:
    here = await leading()
    job = await here.job(instances=3)
    mids = await here.launched(job, 3)
    for mid in mids:
        await here.bucket.put(here.ctx.mailbox.layout.live(f"{mid}.0", 1), b"x")
        one = here.ctx.tracker.get(mid)
        assert one is not None
        one.adopted = True
    tried = []

    async def broken(key: str, limit: int) -> None:
        tried.append(key)
        raise AWAY

    here.bucket.get = broken  # type: ignore[method-assign]
    await Listener(here.ctx, here.members)._list_live()
    assert len(tried) == 3
    assert job.tallies["run"].counts[2] == 3


def temporary(here: Leading, hours: float) -> None:
    until = here.clock.now() + hours * HOUR
    here.ctx.mailbox.signers.put = here.ctx.mailbox.signers.get = Credential(  # type: ignore[misc]
        "tmp", "key", "token", until
    )


async def test_a_machine_whose_signatures_ran_out_meanwhile_is_not_judged_silent() -> None:
    """Launched 9 hours before this leader began, whose signers are fresh (R13)."""
    here = await leading()
    temporary(here, 12)
    one = await one_member(here)
    launch = one.launch
    here.ctx.tracker.drop(one.mid)
    here.clock.jump(9 * HOUR)
    temporary(here, 12)
    here.caller.track(launch, adopted=True)
    adopted = here.ctx.tracker.get(one.mid)
    assert adopted is not None
    saw_beat(adopted, 1, here.clock.now() - 5 * HOUR)
    listener = Listener(here.ctx, here.members)
    await renewed(here)
    assert "put" in box_of(here, one.mid)
    for _ in range(4):
        here.clock.jump(200.0)
        await listener._list_live()
    assert adopted.pulse is Pulse.NO_EVIDENCE


async def test_a_machine_that_beats_with_new_signatures_is_judged_by_them() -> None:
    here = await leading()
    temporary(here, 12)
    one = await one_member(here)
    here.ctx.tracker.drop(one.mid)
    here.clock.jump(9 * HOUR)
    temporary(here, 12)
    here.caller.track(one.launch, adopted=True)
    adopted = here.ctx.tracker.get(one.mid)
    assert adopted is not None
    await renewed(here)
    here.clock.jump(60.0)
    await here.bucket.put(here.ctx.mailbox.layout.live(one.rid, 1), b"x")
    listener = Listener(here.ctx, here.members)
    for _ in range(5):
        await listener._list_live()
        here.clock.jump(200.0)
    assert adopted.pulse is Pulse.SILENT


async def test_keys_of_paths_are_renewed_before_they_run_out() -> None:
    here = await leading()
    one = await one_member(here, outputMappings=[OUTPUT])
    assert one.refresh_at is not None and one.refresh_at <= here.clock.now() + 6 * HOUR
