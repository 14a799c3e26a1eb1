"""The ledger through lost replies, two leaders and deletions (protocols.md 3, rows 3 to 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from batchcompute.ledger import codec, names
from batchcompute.ledger.errors import Deposed, ForeignLedger
from batchcompute.ledger.records import Launch, LaunchState, Lead
from tests.support.ledgers import Bench, launch, member
from tests.support.secret_store import How


def states(bench: Bench) -> dict[int, str]:
    """Number to kind or launch state of what the store holds."""
    found = {}
    for name, secret in bench.memory.secrets.items():
        if name != names.ROOT_NAME:
            record = codec.decode(name, secret.data)
            found[record.seq] = (
                record.state.value if isinstance(record, Launch) else codec.kind_of(record)
            )
    return found


async def test_the_first_leader_makes_the_root_and_leads_at_one() -> None:
    bench = Bench()
    ledger = await bench.leader()
    assert (ledger.head, states(bench)) == (1, {1: "lead"})
    assert ledger.root.intact
    assert (ledger.root.owner, ledger.root.floor) == ("owner", 1)


@pytest.mark.parametrize("how", ["lost request", "lost reply", "refused"])
async def test_an_append_whose_reply_is_lost_is_written_once(how: How) -> None:
    bench = Bench()
    ledger = await bench.leader()
    bench.memory.fault("create", how)
    entry = await ledger.append(launch([member(0)]))
    assert states(bench) == {1: "lead", 2: "Intent"}
    assert ledger.index.entries[2] == entry


async def test_an_append_outlives_a_server_that_goes_away_after_it() -> None:
    bench = Bench()
    ledger = await bench.leader()
    bench.memory.fault("create", "lost reply")
    for _ in range(3):
        bench.memory.fault("get", "refused")
    await ledger.append(launch([member(0)]))
    await ledger.append(launch([member(1)]))
    assert states(bench) == {1: "lead", 2: "Intent", 3: "Intent"}


async def test_an_append_that_arrives_after_its_repeat_changes_nothing() -> None:
    bench = Bench()
    ledger = await bench.leader()
    bench.memory.fault("create", "late")
    await ledger.append(launch([member(0)]))
    bench.memory.deliver()
    assert states(bench) == {1: "lead", 2: "Intent"}


async def test_the_old_of_two_leaders_cannot_append() -> None:
    bench = Bench()
    old = await bench.leader("a")
    await bench.leader("b")
    with pytest.raises(Deposed):
        await old.append(launch([member(0)]))
    assert states(bench) == {1: "lead", 2: "lead"}


async def test_a_fence_stops_the_old_of_two_leaders_and_lets_the_new_one_pass() -> None:
    bench = Bench()
    old = await bench.leader("a")
    new = await bench.leader("b")
    with pytest.raises(Deposed):
        await old.fence()
    await new.fence()
    await new.settle()
    assert states(bench) == {3: "lead"}


async def test_a_lost_append_of_an_old_leader_is_found_to_be_another_s() -> None:
    bench = Bench()
    old = await bench.leader("a")
    await bench.leader("b")
    bench.memory.fault("create", "lost request")
    with pytest.raises(Deposed):
        await old.append(launch([member(0)]))


async def test_an_old_leader_is_fenced_although_the_number_it_wants_was_deleted() -> None:
    """The 409 is gone with the record; the floor in the root is not."""
    bench = Bench()
    old = await bench.leader("a")
    new = await bench.leader("b")  # lead at 2, the number that a wants
    newer = await bench.leader("c")
    await newer.settle()
    assert new.head == 2
    assert 2 not in states(bench)
    with pytest.raises(Deposed):
        await old.append(launch([member(0)]))
    assert states(bench) == {3: "lead"}


async def test_a_record_slipped_in_below_the_floor_is_nobody_s_intent() -> None:
    """The old leader dies between create and the look at the floor: nothing was called."""
    bench = Bench()
    old = await bench.leader("a")
    await bench.leader("b")
    newer = await bench.leader("c")
    await newer.settle()
    bench.memory.fault("get", "pause")  # the look at the root
    appending = asyncio.create_task(old.append(launch([member(0)])))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    appending.cancel()
    assert states(bench)[2] == "Intent"
    last = await bench.leader("d")
    assert last.index.unsettled() == []
    assert states(bench) == {3: "lead", 4: "lead"}


async def test_a_record_repeated_after_its_successor_closed_it_is_not_adopted_again() -> None:
    """a's create arrives, the reply is lost, a pauses; b finishes that launch and deletes it."""
    bench = Bench()
    old = await bench.leader("a")
    bench.memory.fault("create", "lost reply")
    look = bench.memory.fault("get", "pause")
    appending = asyncio.create_task(old.append(launch([member(0)])))
    await look.reached.wait()
    new = await bench.leader("b")
    (entry,) = new.index.unsettled()
    bound = await new.bind(entry.seq, ["ins-a"])
    new.close([bound.mid(0)])
    await new.settle()
    assert states(bench) == {3: "lead"}
    look.go.set()
    with pytest.raises(Deposed):
        await appending
    assert states(bench) == {3: "lead"}


async def test_an_append_that_the_successor_took_over_may_still_be_acted_upon() -> None:
    """Its record stands and both know it: same token, same bytes, one binding."""
    bench = Bench()
    old = await bench.leader("a")
    bench.memory.fault("create", "lost reply")
    look = bench.memory.fault("get", "pause")
    appending = asyncio.create_task(old.append(launch([member(0)])))
    await look.reached.wait()
    new = await bench.leader("b")
    await new.bind(2, ["ins-b"])
    look.go.set()
    entry = await appending
    assert isinstance(entry.record, Launch)
    assert (entry.record.state, entry.record.ids) == (LaunchState.BOUND, {0: "ins-b"})
    assert (await old.bind(2, ["ins-a"])).ids == {0: "ins-b"}


async def test_two_leaders_that_take_over_at_once_leave_one() -> None:
    bench = Bench()
    first, second = bench.ledger("a"), bench.ledger("b")
    pause = bench.memory.fault("create", "pause")  # of the root
    taking = asyncio.create_task(first.take_over())
    await pause.reached.wait()
    await second.take_over()
    pause.go.set()
    await taking
    assert states(bench) == {1: "lead", 2: "lead"}
    with pytest.raises(Deposed):
        await second.append(launch([member(0)]))
    await first.append(launch([member(0)]))


async def test_a_leader_overtaken_before_it_raised_the_floor_is_deposed() -> None:
    bench = Bench()
    first = bench.ledger("a")
    pause = bench.memory.fault("replace", "pause")
    taking = asyncio.create_task(first.take_over())
    await pause.reached.wait()
    await bench.leader("b")
    pause.go.set()
    with pytest.raises(Deposed):
        await taking


@pytest.mark.parametrize("how", ["lost request", "lost reply", "refused"])
@pytest.mark.parametrize("verb", ["list", "create", "replace", "get"])
async def test_a_take_over_survives_a_lost_reply(verb: str, how: How) -> None:
    bench = Bench()
    await bench.leader("a")
    bench.memory.fault(verb, how)
    ledger = await bench.leader("b")
    assert states(bench) == {1: "lead", 2: "lead"}
    await ledger.append(launch([member(0)]))


async def test_the_ledger_of_another_owner_is_left_alone() -> None:
    bench = Bench()
    await bench.leader()
    before = dict(bench.memory.secrets)
    with pytest.raises(ForeignLedger):
        await bench.ledger(owner="another").take_over()
    assert bench.memory.secrets == before


async def test_a_root_that_was_deleted_is_made_again_and_marked() -> None:
    bench = Bench()
    await bench.leader("a")
    del bench.memory.secrets[names.ROOT_NAME]
    assert not (await bench.leader("b")).root.intact
    assert not (await bench.leader("c")).root.intact


# -- transitions ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["lost request", "lost reply", "refused"])
async def test_a_binding_whose_reply_is_lost_is_decided_once(how: How) -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(0), member(1)]))
    bench.memory.fault("replace", how)
    bound = await ledger.bind(2, ["ins-b", "ins-a"])
    assert bound.ids == {0: "ins-a", 1: "ins-b"}
    assert states(bench)[2] == "Bound"


async def test_of_two_leaders_with_different_ids_the_first_binds() -> None:
    bench = Bench()
    old = await bench.leader("a")
    await old.append(launch([member(0)]))
    new = await bench.leader("b")
    assert (await new.bind(2, ["ins-b"])).ids == {0: "ins-b"}
    assert (await old.bind(2, ["ins-a"])).ids == {0: "ins-b"}
    assert old.index.recorded_ids() == {"ins-b"}


async def test_slots_without_an_id_are_freed_in_the_same_write() -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(0), member(1), member(2)]))
    await ledger.bind(2, ["ins-b", "ins-a"])
    assert [m.instance_id for m in ledger.index.of_job("uid-a")] == ["ins-a", "ins-b"]
    assert ledger.index.current("uid-a", "count", 2) is None


async def test_a_void_launch_frees_its_members_and_is_never_bound() -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(0)]))
    assert (await ledger.void(2, "ResourceInsufficient")).void == "ResourceInsufficient"
    assert (await ledger.bind(2, ["ins-a"])).ids == {}
    assert ledger.index.current("uid-a", "count", 0) is None
    assert ledger.index.recorded_ids() == frozenset()


async def test_a_search_that_another_leader_ended_is_not_searched_again() -> None:
    bench = Bench()
    old = await bench.leader("a")
    await old.append(launch([member(0)]))
    new = await bench.leader("b")
    await new.search(2)
    await new.bind(2, ["ins-b"])
    assert (await old.search(2)).state is LaunchState.BOUND


async def test_a_transition_of_a_record_that_was_closed_deposes() -> None:
    bench = Bench()
    old = await bench.leader("a")
    await old.append(launch([member(0)]))
    new = await bench.leader("b")
    await new.void(2, "LimitExceeded")
    await new.settle()
    with pytest.raises(Deposed):
        await old.bind(2, ["ins-a"])


async def test_an_intent_found_by_a_new_leader_is_the_request_byte_for_byte() -> None:
    bench = Bench()
    old = await bench.leader("a")
    written = (await old.append(launch([member(0)]))).record
    new = await bench.leader("b")
    (found,) = new.index.unsettled()
    assert isinstance(written, Launch)
    assert isinstance(found.record, Launch)
    assert found.record.request == written.request
    assert found.record.client_token == written.client_token


# -- closing -------------------------------------------------------------------------


async def test_four_writes_for_a_launch_from_intent_to_nothing() -> None:
    """Create, bind, delete with its finalizer (two writes at the API server)."""
    bench = Bench()
    ledger = await bench.leader()
    bench.memory.calls.clear()
    await ledger.append(launch([member(n) for n in range(100)]))
    bound = await ledger.bind(2, [f"ins-{n:03d}" for n in range(100)])
    ledger.close([bound.mid(n) for n in range(100)])
    await ledger.append(lambda seq, nonce: Lead(seq, nonce, "a"))
    bench.memory.calls.pop()
    await ledger.settle()
    verbs = [v for v, name in bench.memory.calls if name == names.secret_name(2)]
    assert verbs == ["create", "replace", "delete"]


async def test_the_newest_record_is_never_deleted() -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(0)]))
    await ledger.void(2, "LimitExceeded")
    await ledger.settle()
    assert states(bench) == {1: "lead", 2: "Void"}
    await ledger.append(launch([member(0)]))
    await ledger.settle()
    assert states(bench) == {1: "lead", 3: "Intent"}


async def test_a_launch_with_a_quarter_open_is_rewritten_after_a_minute() -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(n) for n in range(8)]))
    bound = await ledger.bind(2, [f"ins-{n}" for n in range(8)])
    ledger.close([bound.mid(n) for n in range(5)])
    bench.clock += 100
    assert await ledger.settle() == 0, "three of eight are more than a quarter"
    ledger.close([bound.mid(5)])
    assert await ledger.settle() == 0, "not before a minute"
    bench.clock += 60
    assert await ledger.settle() == 1
    again = await bench.leader("b")
    assert [(m.mid[-3:], m.instance_id) for m in again.index.of_job("uid-a")] == [
        ("006", "ins-6"),
        ("007", "ins-7"),
    ]


async def test_a_stop_outlives_the_record_of_its_member() -> None:
    bench = Bench()
    ledger = await bench.leader()
    await ledger.append(launch([member(0)]))
    bound = await ledger.bind(2, ["ins-a"])
    await ledger.append_stops({bound.mid(0): "BootTimeout"})
    assert await ledger.append_stops({bound.mid(0): "Cancelled"}) is None, "the verdict stands"
    assert ledger.index.stop_reason(bound.mid(0)) == "BootTimeout"
    await ledger.append(launch([member(1)]))
    await ledger.settle()
    assert states(bench) == {1: "lead", 2: "Bound", 3: "stop", 4: "Intent"}
    ledger.close([bound.mid(0)])
    await ledger.settle()
    await ledger.settle()
    assert states(bench) == {1: "lead", 4: "Intent"}


async def test_an_abandon_closes_its_members_for_every_later_leader() -> None:
    bench = Bench()
    ledger = await bench.leader("a")
    await ledger.append(launch([member(0), member(1)]))
    await ledger.bind(2, ["ins-a", "ins-b"])
    await ledger.append_abandon(["ins-a"])
    for one in (ledger, await bench.leader("b")):
        assert [m.instance_id for m in one.index.of_job("uid-a")] == ["ins-b"]
        assert one.index.abandoned_ids() == {"ins-a"}
    later = await bench.leader("c")
    later.vanished(["ins-a"])
    await later.settle()
    assert 3 not in states(bench)


async def test_the_newest_record_of_an_instance_is_the_current_one() -> None:
    bench = Bench()
    ledger = await bench.leader()
    for seq, attempt in ((2, 0), (3, 0), (4, 1)):
        await ledger.append(launch([member(0, attempt=attempt)]))
        await ledger.bind(seq, [f"ins-{seq}"])
    index = (await bench.leader("b")).index
    current = index.current("uid-a", "count", 0)
    assert current is not None
    assert (current.seq, current.member.attempt) == (4, 1)
    assert [m.seq for m in index.members_of("uid-a", "count", 0)] == [4, 3, 2]
    index.close([current.mid])
    left = index.current("uid-a", "count", 0)
    assert left is not None
    assert left.seq == 3
    assert index.by_instance("ins-2") is not None
    assert index.by_instance("ins-4") is None


async def test_a_credential_is_named_until_the_last_member_launched_with_it_ends() -> None:
    bench = Bench()
    ledger = await bench.leader()

    def with_key(number: int) -> Callable[[int, str], Launch]:
        build = launch([member(number)])
        return lambda seq, nonce: replace(build(seq, nonce), credential="key")

    for number in (0, 1):
        await ledger.append(with_key(number))
    await ledger.append(launch([member(2)]))
    namespace = member(0).namespace
    first, second = (m.mid for m in ledger.index.open_members() if m.credential)
    ledger.index.close([first])
    assert ledger.index.credentials() == {(namespace, "key")}
    ledger.index.close([second])
    assert ledger.index.credentials() == frozenset()


async def test_an_append_whose_caller_gave_up_is_finished_and_deposes_nobody() -> None:
    bench = Bench()
    ledger = await bench.leader("a")
    slow = bench.memory.fault("get", "pause")
    given_up = asyncio.create_task(ledger.append(launch([member(0)])))
    await slow.reached.wait()
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    slow.go.set()
    await ledger.append(launch([member(1)]))
    assert states(bench) == {1: "lead", 2: "Intent", 3: "Intent"}
