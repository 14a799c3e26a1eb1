"""The closed lists are closed: well-formed, without doubles, and the only spelling in the code."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from batchcompute import vocabulary
from batchcompute.vocabulary import (
    BUDGET_FREE_REASONS,
    GROUP,
    INFRASTRUCTURE_REASONS,
    RUNNER_REASONS,
    Annotation,
    Finalizer,
    Label,
    NotificationEvent,
    Reason,
    TagKey,
)

CAMEL_CASE = re.compile(r"[A-Z]+[a-z]+([A-Z]*[a-z]+)*")


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_a_reason_is_camel_case_and_has_a_sentence(reason: Reason) -> None:
    assert CAMEL_CASE.fullmatch(reason)
    assert len(reason) <= 64
    assert reason.meaning.endswith(".")
    assert reason.name.replace("_", "").lower() == reason.value.lower()


def test_a_reason_is_its_text() -> None:
    assert Reason("NonZeroExit") is Reason.NON_ZERO_EXIT
    assert f"{Reason.NON_ZERO_EXIT}" == "NonZeroExit"


def test_every_key_is_of_our_group() -> None:
    for keys in (Label, Annotation, Finalizer, TagKey):
        assert all(key.startswith(f"{GROUP}/") for key in keys)


def test_there_are_the_19_events_of_the_original() -> None:
    assert len(NotificationEvent) == 19


def test_budgets_are_apart() -> None:
    """R9: an end uses the infrastructure bound, or none, or the user's retries."""
    assert not INFRASTRUCTURE_REASONS & BUDGET_FREE_REASONS
    assert {
        Reason.COMPLETED,
        Reason.NON_ZERO_EXIT,
        Reason.SIGNAL,
        Reason.OUT_OF_MEMORY,
        Reason.TIMED_OUT,
        Reason.SETUP_FAILED,
        Reason.OUTPUTS_FAILED,
    } == RUNNER_REASONS - INFRASTRUCTURE_REASONS - BUDGET_FREE_REASONS


def test_no_list_has_a_word_twice() -> None:
    for name, kind in vars(vocabulary).items():
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum:
            assert len(kind) == len(kind.__members__), name
