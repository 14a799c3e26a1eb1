"""How often an action may be called: per account, region and action, in each whole second."""

from __future__ import annotations

from .errors import ApiError

PER_SECOND = {
    "RunInstances": 10,
    "TerminateInstances": 10,
    "DescribeInstances": 40,
    "DescribeInstancesStatus": 40,
    "DescribeInstanceTypeConfigs": 40,
    "DescribeImages": 40,
    "DescribeZones": 20,
    "DescribeRegions": 20,
    "DescribeInstancesAttributes": 20,
    "AssumeRole": 100,
    "GetFederationToken": 100,
    "GetCallerIdentity": 20,
}
"""The documented numbers for cvm; those of sts are an assumption."""


class RateLimits:
    """Counts calls; a call over the limit is refused and counts as well."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def admit(self, action: str, region: str, now: float, factor: float) -> None:
        """Raises RequestLimitExceeded when this call is one too many in its second."""
        if factor <= 0:
            return
        second, count = self._counts.get((action, region), (0, 0))
        count = count + 1 if second == int(now) else 1
        self._counts[action, region] = (int(now), count)
        limit = max(1, int(PER_SECOND[action] * factor))
        if count > limit:
            raise ApiError(
                "RequestLimitExceeded",
                f"Your current request times equals to `{count}` in a second, "
                f"which exceeds the frequency limit `{limit}` for a second. "
                "Please reduce the frequency of calls.",
            )

    def clear(self) -> None:
        self._counts.clear()
