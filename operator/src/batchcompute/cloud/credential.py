"""A Tencent Cloud key: what signs a request, never what is printed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret id and key, with a token when they are temporary.

    ``expires`` is Unix seconds, ``None`` for a permanent key. The key and the token
    are left out of ``repr``, so no log line or exception text can carry them.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: float | None = None
