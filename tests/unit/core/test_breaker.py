"""The boot breaker (row 16)."""

from __future__ import annotations

from batchcompute.core.breaker import Breaker


def test_three_failures_in_a_row_open_it() -> None:
    two = Breaker().failed("a").failed("b")
    assert two.room is None
    assert two.failed("c").room == 1


def test_a_boot_between_failures_keeps_it_shut() -> None:
    assert not Breaker().failed("a").failed("b").booted().failed("c").is_open


def test_one_probe_at_a_time() -> None:
    out = Breaker(failures=3).launched("p")
    assert out.room == 0
    assert out.failed("older").room == 0, "a machine from before the probe does not free it"
    assert out.failed("p").room == 1
    assert out.ended("older").room == 0
    assert out.ended("p").room == 1


def test_a_probe_that_boots_shuts_it() -> None:
    assert Breaker(failures=7).launched("p").booted() == Breaker()


def test_while_shut_nothing_is_a_probe() -> None:
    assert Breaker().launched("p").probe is None
