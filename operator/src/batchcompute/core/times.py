"""Unix seconds to RFC 3339 and back, as statuses hold them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Whole seconds, UTC, with a ``Z``: what ``metav1.Time`` holds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> float:
    """Unix seconds of an RFC 3339 time, with or without a fraction."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
