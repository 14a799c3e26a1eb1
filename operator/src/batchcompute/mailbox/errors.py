"""How a call to the bucket service fails, typed by what the caller does next.

- ``AlreadyExistsError``: a write-once key is taken.
- ``TooLargeError``: over the limit, body not read (R32).
- ``DeniedError``: the credential may not, or is wrong: look at settings, do not repeat.
- ``UnavailableError``: 5xx, throttling or no connection, after own retries: repeat later.
- ``RefusedError``: anything else, with the service's code.
"""

from __future__ import annotations


class CosError(Exception):
    """A call that failed, with the service's answer (status 0: there was none)."""

    def __init__(self, what: str, status: int, code: str, message: str, request_id: str) -> None:
        super().__init__(f"{what}: {status} {code}: {message} (request {request_id or 'unknown'})")
        self.status = status
        self.code = code
        self.request_id = request_id


class DeniedError(CosError):
    """403."""


class AlreadyExistsError(CosError):
    """409 FileAlreadyExists on a write-once key."""


class RefusedError(CosError):
    """A 4xx that repeating does not mend."""


class UnavailableError(CosError):
    """5xx, 429 or no connection, after the retries."""


class TooLargeError(CosError):
    """The object is larger than the caller allows; nothing of it was read."""
