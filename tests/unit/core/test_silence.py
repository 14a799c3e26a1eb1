"""When missing beats prove something (R13, row 23)."""

from __future__ import annotations

import pytest

from batchcompute.core.member_facts import Pulse
from batchcompute.core.silence import Beats, degraded, pulse

BEAT = 15.0  # so more than 120 s without one is overdue
Listings = list[tuple[float | None, float]]  # LastModified in it (None: absent), its Date

CASES: dict[str, tuple[Listings, Pulse]] = {
    "beating": ([(1000, 1005), (1015, 1020)], Pulse.BEATING),
    "overdue in one listing": ([(1000, 1121)], Pulse.BEATING),
    "overdue in two listings": ([(1000, 1121), (1000, 1126)], Pulse.BEATING),
    "overdue in three listings": ([(1000, 1121), (1000, 1126), (1000, 1131)], Pulse.SILENT),
    "exactly eight beats old": ([(1000, 1110), (1000, 1115), (1000, 1120)], Pulse.BEATING),
    "absent from three old listings ages like any other": (
        [(None, 1121), (None, 1126), (None, 1131)],
        Pulse.SILENT,
    ),
    "a beat between two overdue listings starts the count again": (
        [(1000, 1121), (1000, 1126), (1125, 1131), (1125, 1246), (1125, 1251)],
        Pulse.BEATING,
    ),
    "an older beat in a lagging listing does not age it": (
        [(1000, 1005), (1100, 1105), (1000, 1121), (1000, 1126), (1000, 1131)],
        Pulse.BEATING,
    ),
    "a machine that beats again is not silent": (
        [(1000, 1121), (1000, 1126), (1000, 1131), (1130, 1136)],
        Pulse.BEATING,
    ),
}


def after(listings: Listings) -> Beats:
    beats = Beats(1000)
    for last, date in listings:
        beats = beats.with_listing(last, date, BEAT)
    return beats


@pytest.mark.parametrize(("listings", "expected"), CASES.values(), ids=CASES)
def test_listings_prove(listings: Listings, expected: Pulse) -> None:
    date = listings[-1][1]
    assert pulse(after(listings), date=date, signed_until=date, degraded=False) is expected


def test_silence_longer_than_the_signatures_proves_nothing() -> None:
    beats = after([(1000, 1121), (1000, 1126), (1000, 1131)])
    assert pulse(beats, date=1200, signed_until=1199, degraded=False) is Pulse.NO_EVIDENCE
    assert pulse(beats, date=1200, signed_until=1200, degraded=True) is Pulse.NO_EVIDENCE


TOGETHER: dict[str, tuple[list[float | None], bool]] = {
    "nine machines, all silent: too few to tell": ([5.0] * 9, False),
    "two of ten within two minutes": ([0.0, 120.0] + [None] * 8, True),
    "two of ten, further apart": ([0.0, 121.0] + [None] * 8, False),
    "one of ten": ([0.0] + [None] * 9, False),
    "none silent": ([None] * 50, False),
    "nineteen of a hundred": ([1.0] * 19 + [None] * 81, False),
    "twenty of a hundred": ([1.0] * 20 + [None] * 80, True),
    "a burst after a lone one": ([0.0, 500.0, 510.0] + [None] * 7, True),
}


@pytest.mark.parametrize(("silences", "expected"), TOGETHER.values(), ids=TOGETHER)
def test_many_at_once_are_the_mailbox(silences: list[float | None], expected: bool) -> None:
    assert degraded(Beats(0.0, 3, at) for at in silences) is expected
