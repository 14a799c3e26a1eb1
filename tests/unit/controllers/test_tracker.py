from __future__ import annotations

from dataclasses import replace

from batchcompute.controllers.members.tracked import Tracked, Tracker
from tests.unit.controllers.test_looking import tracked


def of_slot(slot: int) -> Tracked:
    one = tracked()
    one.open = replace(one.open, mid=one.launch.mid(slot))
    return one


def test_members_are_waited_for_until_they_are_settled_or_dropped():
    tracker = Tracker()
    assert not tracker.unsettled
    first, second, third = (of_slot(slot) for slot in range(3))
    for one in (first, second, third):
        tracker.add(one)
    second.settled = third.settled = True
    assert tracker.unsettled
    tracker.drop(first.mid)
    assert not tracker.unsettled


def test_one_that_is_dropped_and_tracked_again_is_waited_for():
    tracker = Tracker()
    tracker.add(of_slot(0))
    tracker.drop(of_slot(0).mid)
    assert not tracker.unsettled
    tracker.add(of_slot(0))
    assert tracker.unsettled


def test_adding_a_member_twice_keeps_the_first():
    tracker, first = Tracker(), of_slot(0)
    tracker.add(first)
    tracker.add(of_slot(0))
    first.settled = True
    assert not tracker.unsettled
