"""The log of every call: cheap to write, bounded, masked when read."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SECRET_FIELDS = frozenset(
    {"Password", "Token", "TmpSecretKey", "SecretKey", "SecretId", "Authorization", "Policy"}
)
DIGESTED_FIELDS = frozenset({"UserData"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `time` in Unix seconds; `code` is `OK` or the cloud's error code."""

    seq: int
    time: float
    action: str
    region: str
    code: str
    request_id: str
    ids: tuple[str, ...]
    parameters: Mapping[str, object]
    secret_id: str
    machine: str | None
    reply_lost: bool

    def as_json(self) -> dict[str, object]:
        """As told by the control API, secrets masked."""
        return {
            "seq": self.seq,
            "time": self.time,
            "action": self.action,
            "region": self.region,
            "code": self.code,
            "requestId": self.request_id,
            "ids": list(self.ids),
            "parameters": masked(self.parameters),
            "secretId": self.secret_id,
            "machine": self.machine,
            "replyLost": self.reply_lost,
        }


class CallLog:
    """The last `capacity` calls, and how many there were of each action and code."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._calls: deque[Call] = deque(maxlen=capacity)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seq = 0

    def record(
        self,
        *,
        time: float,
        action: str,
        region: str,
        code: str,
        request_id: str,
        ids: tuple[str, ...] = (),
        parameters: Mapping[str, object] | None = None,
        secret_id: str = "",
        machine: str | None = None,
        reply_lost: bool = False,
    ) -> None:
        """Keeps one call. `parameters` is kept, not copied: do not change it afterwards.

        COS records `action` as `cos:PutObject`, with its bucket and key among the parameters.
        """
        self._seq += 1
        self._counts[action, code] += 1
        self._calls.append(
            Call(
                self._seq,
                time,
                action,
                region,
                code,
                request_id,
                ids,
                parameters or {},
                secret_id,
                machine,
                reply_lost,
            )
        )

    def since(self, seq: int = 0, action: str | None = None) -> Iterator[Call]:
        """Calls after number `seq`, oldest first; of one action or of a service (`cos:*`)."""
        for call in self._calls:
            if call.seq > seq and (action is None or _is(call.action, action)):
                yield call

    def counts(self) -> dict[str, dict[str, int]]:
        """action -> code -> number, since the start or the last reset."""
        counts: dict[str, dict[str, int]] = {}
        for (action, code), number in self._counts.items():
            counts.setdefault(action, {})[code] = number
        return counts

    def clear(self) -> None:
        self._calls.clear()
        self._counts.clear()


def _is(action: str, wanted: str) -> bool:
    return action.startswith(wanted[:-1]) if wanted.endswith("*") else action == wanted


def masked(value: object, name: str = "") -> object:
    """A copy with secrets starred out and user data as its length and digest."""
    if name in SECRET_FIELDS:
        return "***"
    if name in DIGESTED_FIELDS and isinstance(value, str):
        digest = hashlib.sha256(value.encode()).hexdigest()[:16]
        return f"({len(value)} characters, sha256 {digest})"
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
