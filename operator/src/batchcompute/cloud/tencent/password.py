"""A login password inside a stored request: its seal there, itself only on the wire (R1). Pure."""

from __future__ import annotations

import hmac

import orjson

PREFIX = "hmac-sha256:"


class PasswordChangedError(Exception):
    """The Secret no longer has the password that was sealed: search, never replay (R1)."""


def seal(password: str, key: bytes) -> str:
    """What stands for the password in a ledger record. ``key`` is the record's own secret."""
    return PREFIX + hmac.digest(key, password.encode(), "sha256").hex()


def is_sealed(request: bytes) -> bool:
    """Whether a stored request needs :func:`unseal` before it is sent."""
    return PREFIX.encode() in request and _stored(request) is not None


def unseal(request: bytes, password: str, key: bytes) -> bytes:
    """The request to send. All other bytes stay as they are."""
    stored = _stored(request)
    if stored is None:
        raise ValueError("a request without a sealed password")
    if not hmac.compare_digest(stored, seal(password, key)):
        raise PasswordChangedError("the password in the Secret was changed after the launch")
    return request.replace(orjson.dumps(stored), orjson.dumps(password), 1)


def _stored(request: bytes) -> str | None:
    login = orjson.loads(request).get("LoginSettings") or {}
    stored = login.get("Password")
    return stored if isinstance(stored, str) and stored.startswith(PREFIX) else None
