"""Generated files: what counts as not current."""

from __future__ import annotations

import pytest

from dev.generate.__main__ import Target, stale, targets

PRESENT = {"a": "1", "b": "2"}
CASES = {
    "all is current": (PRESENT, True, []),
    "one differs": ({"a": "1", "b": "3"}, True, ["b"]),
    "one is missing": ({**PRESENT, "c": "3"}, True, ["c"]),
    "one should not be there": ({"a": "1"}, True, ["b"]),
    "a page of another hand may be there": ({"a": "1"}, False, []),
    "among pages of another hand one differs": ({"a": "2"}, False, ["a"]),
}


@pytest.mark.parametrize(("wanted", "alone", "names"), CASES.values(), ids=CASES.keys())
def test_stale(tmp_path, wanted, alone, names):
    for name, text in PRESENT.items():
        (tmp_path / name).write_text(text)
    assert stale(Target(tmp_path, wanted, alone)) == names


def test_everything_that_is_committed_is_current():
    assert [name for target in targets() for name in stale(target)] == []
