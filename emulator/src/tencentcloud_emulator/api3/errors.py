"""The error envelope: a code of the cloud and a message for people."""

from __future__ import annotations


class ApiError(Exception):
    """Answers a call with `Response.Error`; HTTP stays 200. Its effect must not have begun."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
