"""Merge patches: applied to the old document they give the new one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchcompute.core.mergepatch import difference

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "nothing changed": ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}, {}),
    "a counter that fell to zero is removed": (
        {"instances": {"total": 1, "running": 1}},
        {"instances": {"total": 1, "failed": 1}},
        {"instances": {"running": None, "failed": 1}},
    ),
    "a field that went is removed": ({"a": 1}, {}, {"a": None}),
    "lists are replaced whole": ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
}


@pytest.mark.parametrize(("old", "new", "want"), CASES.values(), ids=CASES)
def test_difference(old: dict[str, Any], new: dict[str, Any], want: dict[str, Any]) -> None:
    assert difference(old, new) == want


def apply(document: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply(result.get(name), value)
    return result


DOCUMENTS = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), DOCUMENTS, max_size=3)


@given(OBJECTS, OBJECTS)
def test_the_patch_turns_one_into_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply(old, difference(old, new)) == new
