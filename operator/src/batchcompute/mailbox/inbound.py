"""What machines say, read as hostile input (R32): beats, results, boot failure notes.

Strict types, closed enums, bounded numbers, texts cut and freed of control characters.
A machine is root on its own: everything here may be forged by the task it runs, so what
passes says only that it has the form, not that it is true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .layout import DONE_LIMIT, FAIL_LIMIT, LIVE_LIMIT, SEGMENTS

LINE_LIMIT = 4 * 1024
TAIL_LIMIT = 16 * 1024
TEXT_LIMIT = 256

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LINES = re.compile(
    "[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
)


M = TypeVar("M", bound=BaseModel)


class HostileInputError(ValueError):
    """An object from a machine that has not the form of section 6.

    The message names the object's kind and the first wrong field, never its content.
    """


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """``text`` on one line: no control or direction characters, at most ``limit`` characters."""
    return _CONTROL.sub(" ", text[: limit * 4]).strip()[:limit]


def clean_lines(text: str, limit: int) -> str:
    """As ``clean``, but line feeds stay."""
    return _LINES.sub(" ", text[: limit * 4]).strip()[:limit]


class Reason(StrEnum):
    """Why a run ended, in the runner's words: the closed list of section 6."""

    COMPLETED = "Completed"
    NON_ZERO_EXIT = "NonZeroExit"
    SIGNAL = "Signal"
    OUT_OF_MEMORY = "OutOfMemory"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    SPOT_RECLAIMED = "SpotReclaimed"
    SETUP_FAILED = "SetupFailed"
    OUTPUTS_FAILED = "OutputsFailed"
    DUPLICATE_START = "DuplicateStart"
    REBOOTED = "Rebooted"
    RUNNER_LOST = "RunnerLost"
    PROTOCOL_MISMATCH = "ProtocolMismatch"


class Outcome(StrEnum):
    """Whether the attempt counts as done."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class OutputState(StrEnum):
    """What became of the declared outputs."""

    DELIVERED = "Delivered"
    PARTIAL = "Partial"
    SKIPPED = "Skipped"


Version = Annotated[int, Field(ge=1, le=1)]
Text = Annotated[str, Field(max_length=LINE_LIMIT), AfterValidator(clean)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9._/-]*$")]
Sizes = Annotated[list[Count], Field(max_length=SEGMENTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class Exit(_Strict):
    """How the command ended: its code, or the signal that ended it; both null: unknown."""

    code: Annotated[int, Field(ge=0, le=255)] | None = None
    signal: Annotated[int, Field(ge=1, le=64)] | None = None
    oom: bool = False

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.code is not None and self.signal is not None:
            raise ValueError("code and signal exclude each other")
        return self

    @property
    def status(self) -> int | None:
        """The exit code as a shell tells it: 128 + signal for a signalled command."""
        return self.code if self.signal is None else 128 + self.signal


class LiveLine(_Strict):
    """The first line of a beat.

    ``elapsed`` is in seconds: in phase 0 since the run was taken, in phases 1 and 2 since the
    command was started; the start is the object's LastModified minus this (R30). ``out`` and
    ``err`` are bytes written so far. ``boot`` is the machine's boot id.
    """

    v: Version
    mid: Name
    n: Annotated[int, Field(ge=0, le=10**9)]
    p: Annotated[int, Field(ge=0, le=2)]
    rev: Count
    boot: Name
    elapsed: Seconds
    out: Count
    err: Count
    exit: Exit | None = None
    ready: bool = False
    spot: bool = False
    msg: Text = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat: its line, and the tail of the command's output, untouched bytes."""

    line: LiveLine
    tail: bytes


class Elapsed(_Strict):
    """Seconds since the run was taken, by a clock that only grows; null: never happened.

    ``setup`` set-up ended, ``start`` command started, ``exit`` command ended, ``end`` result
    written. Wall times: LastModified of the result minus (``end`` - x) (R30).
    """

    setup: Seconds | None = None
    start: Seconds | None = None
    exit: Seconds | None = None
    end: Seconds | None = None


class Usage(_Strict):
    """What the command used: CPU seconds and the peak of memory in bytes, where known."""

    cpu: Seconds | None = None
    memory: Count | None = None


class Outputs(_Strict):
    """What was delivered; ``manifestSha`` is the sha256 of manifest.json, when there is one."""

    state: OutputState
    files: Count = 0
    bytes: Count = 0
    manifestSha: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None  # noqa: N815


class LogSizes(_Strict):
    """Bytes of each log segment of a stream, in order."""

    out: Sizes = []
    err: Sizes = []


class Result(_Strict):
    """``done`` and ``result.json``: one run's end."""

    v: Version
    mid: Name
    n: Annotated[int, Field(ge=0, le=10**9)]
    A: Annotated[str, Field(max_length=850)]
    outcome: Outcome
    reason: Reason
    message: Text = ""
    exit: Exit | None = None
    elapsed: Elapsed
    usage: Usage | None = None
    outputs: Outputs
    log: LogSizes
    runner: Name = ""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.outcome is Outcome.SUCCEEDED) != (self.reason is Reason.COMPLETED):
            raise ValueError("outcome and reason contradict each other")
        return self


def parse_beat(body: bytes) -> Beat:
    """A ``live`` object.

    Raises:
        HostileInputError: too large, no JSON line, or a field of another form.
    """
    _sized("live", body, LIVE_LIMIT)
    line, _, tail = body.partition(b"\n")
    _sized("live line", line, LINE_LIMIT)
    return Beat(_model(LiveLine, "live", line), tail[-TAIL_LIMIT:])


def parse_result(body: bytes) -> Result:
    """A ``done`` object or a ``result.json``.

    Raises:
        HostileInputError: too large, no JSON, or a field of another form.
    """
    _sized("done", body, DONE_LIMIT)
    return _model(Result, "done", body)


def parse_boot_fail(body: bytes) -> str:
    """The note of a boot script: the end of its log, cleaned, lines kept."""
    text = body[-FAIL_LIMIT:].decode("utf-8", "replace")
    return clean_lines(text, FAIL_LIMIT)


def _sized(what: str, body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise HostileInputError(f"{what}: {len(body)} bytes, at most {limit} are allowed")


def _model(model: type[M], what: str, body: bytes) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:64]
        raise HostileInputError(f"{what}: {clean(where)}: {clean(first['msg'])}") from None
