"""Ctrl-C and TERM end a program through its `finally` blocks, never in the middle of a start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_held = 0
_pending: list[int] = []
_delivered = False


class Interrupted(BaseException):
    """The user or the owner wants this program to end; `signum` says by which signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def install() -> None:
    """From now on the signals raise Interrupted in the main thread, unless they are held."""
    for number in SIGNALS:
        signal.signal(number, _handle)


@contextmanager
def held() -> Iterator[None]:
    """Delays them: what is between a fork and the note of its pid must not be torn apart."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    if not _held:
        _deliver()


def _handle(number: int, _: FrameType | None) -> None:
    _pending.append(number)
    if not _held:
        _deliver()


def _deliver() -> None:
    """Once only: a second Ctrl-C must not interrupt the clean-up after the first."""
    global _delivered
    if _pending and not _delivered:
        _delivered = True
        raise Interrupted(_pending[0])
