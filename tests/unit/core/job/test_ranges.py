"""Index sets as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcompute.core.job import ranges

TEXTS = {
    "nothing": ([], 99, ""),
    "a single index": ([7], 99, "7"),
    "runs and singles": ([0, 1, 2, 4, 6, 7], 99, "0-2,4,6-7"),
    "what fits exactly is not cut": ([0, 2, 4], 5, "0,2,4"),
    "what does not fit is cut at a range": ([0, 2, 4, 6], 6, "0,..."),
    "no room at all still says that something is left out": ([10, 12], 3, "..."),
}


@pytest.mark.parametrize(("indexes", "limit", "want"), TEXTS.values(), ids=TEXTS)
def test_text(indexes: list[int], limit: int, want: str) -> None:
    assert ranges.text(indexes, limit) == want


@given(st.sets(st.integers(0, 300)))
def test_an_exact_text_says_the_whole_set(indexes: set[int]) -> None:
    assert ranges.parse(ranges.text(sorted(indexes), 10_000)) == sorted(indexes)


@given(st.sets(st.integers(0, 3000), min_size=1), st.integers(3, 60))
def test_a_cut_text_keeps_its_bound_and_is_never_taken_for_the_whole(
    indexes: set[int], limit: int
) -> None:
    text = ranges.text(sorted(indexes), limit)
    assert len(text) <= limit
    if ranges.is_cut(text):
        with pytest.raises(ValueError, match="cut"):
            ranges.parse(text)
    else:
        assert ranges.parse(text) == sorted(indexes)
