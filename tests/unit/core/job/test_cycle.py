"""Circles among tasks, and how they are spelled out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batchcompute.core.job.cycle import find_cycle, spelled_out


def test_a_diamond_is_no_circle() -> None:
    assert find_cycle({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) == ()


def test_a_long_chain_is_no_circle_and_no_recursion() -> None:
    assert find_cycle({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(5_000)}) == ()


def test_a_circle_is_told_in_the_order_in_which_it_would_run() -> None:
    assert find_cycle({"a": ["c"], "b": ["a"], "c": ["b"]}) == ("a", "b", "c")


def test_a_long_circle_is_cut_in_the_middle() -> None:
    text = spelled_out([f"t{n}" for n in range(1_000)])
    assert text.startswith("t0 -> t1 -> ")
    assert text.endswith(" -> t18 -> (981 more) -> t0")


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1
    )
)
def test_a_circle_is_found_exactly_when_there_is_one(upstream: dict[str, list[str]]) -> None:
    cycle = find_cycle(upstream)
    if cycle:
        for name, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert name in upstream[after]
    else:
        left = dict(upstream)
        while ready := [n for n, others in left.items() if not set(others) & set(left)]:
            for name in ready:
                del left[name]
        assert not left
