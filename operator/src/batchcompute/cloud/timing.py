"""Every interval, limit and lifetime of talking to the cloud, each with its reason."""

from __future__ import annotations

from typing import Final

# --- rate limits: requests a second, as the vendor documents them per account, region and action --
DOCUMENTED_RATES: Final[dict[str, float]] = {
    "RunInstances": 10,
    "TerminateInstances": 10,
    "DescribeInstances": 40,
    "DescribeInstanceTypeConfigs": 40,
    "DescribeImages": 40,
    "DescribeZones": 20,
}
OTHER_RATE: Final = 20.0  # sts: the vendor documents none; a few calls per task are what we need
RATE_SHARE: Final = 0.5  # other tools of the account share the budget
THROTTLED_PAUSE: Final = 1.0  # the vendor counts per second: the next second is a new count

# --- batching: short against the second that a machine takes to start, long against a reconcile ---
BATCH_IDLE: Final = 0.05
BATCH_LONGEST: Final = 0.5
BATCH_ITEMS: Final = 100  # ids in Describe- and TerminateInstances

# --- memory of what is sold out ---
SOLD_OUT: Final = 180.0  # Karpenter's figure: stock comes back in minutes, and a probe costs a call
PROBE: Final = 60.0  # a probe whose caller never reports (it died, was deleted) frees the place

# --- HTTP ---
CONNECT: Final = 5.0
ANSWER: Final = 30.0  # RunInstances of 100 takes seconds; a request is dead after 300 (R19)
READ_TRIES: Final = 4  # of a call that changes nothing
READ_BACKOFF: Final = (0.5, 8.0)
LIST_ROUNDS: Final = 3  # offset paging is no snapshot: read again when machines came or went
PAGE: Final = 100
FILTER_VALUES: Final = 5  # the API's limit of values in one filter
CONNECTIONS: Final = 32
