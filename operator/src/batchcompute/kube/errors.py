"""What the API server can answer, as exceptions a caller can tell apart."""

from __future__ import annotations


class ApiError(Exception):
    """The API server refused: ``code`` is the HTTP status, ``reason`` of its Status object.

    ``message`` is the server's sentence. It names objects and fields, never their secret values.
    """

    def __init__(self, code: int, reason: str, message: str, retry_after: float | None = None):
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    """404: no such object, namespace or kind."""


class AlreadyExists(ApiError):
    """409 on create: an object of that name is there."""


class Conflict(ApiError):
    """409 on a write: the resourceVersion or uid is no longer the one that was read."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old; list again."""


class Invalid(ApiError):
    """400 or 422: the object breaks its schema or a rule of it."""


class Forbidden(ApiError):
    """401 or 403: this account may not do that."""


class TooManyRequests(ApiError):
    """429, still after waiting as long as the server asked, several times. Not executed."""


class OutcomeUnknown(Exception):
    """A write was sent and its answer lost (or the server failed in it): it may have happened."""


_BY_CODE: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(code: int, reason: str, message: str, retry_after: float | None = None) -> ApiError:
    """The exception for a Status object of the API server."""
    if code == 409 and reason == "AlreadyExists":
        return AlreadyExists(code, reason, message, retry_after)
    return _BY_CODE.get(code, ApiError)(code, reason, message, retry_after)
