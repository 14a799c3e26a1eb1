"""Expiry rules of the workspace bucket, under ids of our own beside the user's (section 6).

Beats and refreshes renew what is alive, so only what was left behind for 30 days expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Rule = dict[str, Any]

CONTROL_DAYS = 30
CONTROL = ("dir", "box", "live", "done")


def wanted_rules(prefix: str, owner8: str, retention_days: int) -> list[Rule]:
    """The rules for a mailbox at ``prefix`` (``P``, ends in ``/``)."""
    days = dict.fromkeys(CONTROL, CONTROL_DAYS) | {"jobs": retention_days}
    return [
        {
            "ID": f"batchcompute-{owner8}-{folder}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}{folder}/"},
            "Expiration": {"Days": str(count)},
        }
        for folder, count in days.items()
    ]


def merged(standing: Sequence[Rule], wanted: Sequence[Rule]) -> list[Rule] | None:
    """All rules to store; ``None`` when ours stand already. Others are kept as they are."""
    ours = {rule["ID"]: rule for rule in wanted}
    found = {rule.get("ID"): rule for rule in standing if rule.get("ID") in ours}
    if all(_same(found.get(name), rule) for name, rule in ours.items()):
        return None
    return [rule for rule in standing if rule.get("ID") not in ours] + list(wanted)


def _same(standing: Rule | None, wanted: Rule) -> bool:
    if standing is None:
        return False
    have = (
        standing.get("Status"),
        (standing.get("Filter") or {}).get("Prefix"),
        str((standing.get("Expiration") or {}).get("Days")),
    )
    return have == (wanted["Status"], wanted["Filter"]["Prefix"], wanted["Expiration"]["Days"])
