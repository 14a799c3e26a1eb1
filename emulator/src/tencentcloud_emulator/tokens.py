"""ClientTokens: the same request again gives the same instances again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a token stands for. `time` in Unix seconds."""

    time: float
    digest: str
    ids: tuple[str, ...]


class ClientTokens:
    """Tokens by region; what is older than `seconds` is forgotten."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Remembered] = {}

    def find(self, region: str, token: str, now: float, seconds: float) -> Remembered | None:
        known = self._known.get((region, token))
        if known is not None and now - known.time >= seconds:
            del self._known[region, token]
            return None
        return known

    def remember(self, region: str, token: str, known: Remembered) -> None:
        self._known[region, token] = known

    def forget(self, token: str | None = None) -> int:
        """Forgets one token or all; returns how many."""
        doomed = [key for key in self._known if token is None or key[1] == token]
        for key in doomed:
            del self._known[key]
        return len(doomed)


def digest(parameters: Mapping[str, object]) -> str:
    """A digest of a request apart from its token, whatever the order of its fields."""
    rest = {name: value for name, value in parameters.items() if name != "ClientToken"}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()
