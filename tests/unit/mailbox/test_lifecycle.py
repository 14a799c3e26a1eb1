"""Expiry rules of the workspace: ours beside the user's."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.mailbox.lifecycle import merged, wanted_rules

WANTED = wanted_rules("batch/0a1b2c3d/v1/", "0a1b2c3d", 7)
USERS: dict[str, Any] = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": "x/"}}


def test_control_objects_expire_after_30_days_and_logs_as_set() -> None:
    days = {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in WANTED}
    assert days == {
        "batch/0a1b2c3d/v1/dir/": "30",
        "batch/0a1b2c3d/v1/box/": "30",
        "batch/0a1b2c3d/v1/live/": "30",
        "batch/0a1b2c3d/v1/done/": "30",
        "batch/0a1b2c3d/v1/jobs/": "7",
    }


CASES: dict[str, tuple[list[Any], list[Any] | None]] = {
    "an empty bucket gets them": ([], WANTED),
    "the user's rules stay, ours come after": ([USERS], [USERS, *WANTED]),
    "rules that stand are not written again": ([*WANTED, USERS], None),
    "an old retention is replaced": (
        [USERS, *wanted_rules("batch/0a1b2c3d/v1/", "0a1b2c3d", 30)],
        [USERS, *WANTED],
    ),
    "a rule that was switched off is switched on": (
        [{**rule, "Status": "Disabled"} for rule in WANTED],
        WANTED,
    ),
}


@pytest.mark.parametrize(("standing", "want"), CASES.values(), ids=CASES)
def test_merge(standing: list[Any], want: list[Any] | None) -> None:
    assert merged(standing, WANTED) == want
