"""Why a process must not go on with a ledger."""

from __future__ import annotations


class Deposed(Exception):
    """Another leader has taken a decision since: this process must end without acting (R2)."""


class ForeignLedger(Exception):
    """The namespace holds the ledger of another owner id (M14)."""
