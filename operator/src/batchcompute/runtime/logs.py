"""Log lines: text on a terminal, one JSON object a line elsewhere, never a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import IO, Any

# What a signed request or URL carries. Nothing logs these on purpose; this is the second net for
# texts of other makers' exceptions, which like to quote the URL or the header that failed.
_SECRET = re.compile(
    r"(?i)\b(signature=|bearer |"
    r"(?:(?:tmp_?)?secret_?(?:key|id)|session_?token|password|token)[\"']?\s*[:=]\s*[\"']?)"
    r"([^\s&'\",;}]+)"
)


def conceal(text: str) -> str:
    """The text with the values of signatures, tokens, keys and passwords replaced."""
    return _SECRET.sub(r"\1[concealed]", text)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return conceal(super().format(record))


class _Json(logging.Formatter):
    """Fields ``time level logger message``, and ``error`` with the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": conceal(record.getMessage()),
        }
        if record.exc_info:
            line["error"] = conceal(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(
    level: str = "INFO", *, stream: IO[str] | None = None, as_json: bool | None = None
) -> None:
    """Send every logger to ``stream`` (default: standard error), in the form that fits it."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    if as_json is None:
        as_json = not target.isatty()
    handler.setFormatter(_Json() if as_json else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("kopf.objects", "kopf", "aiohttp.access", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It logs every refusal with the whole answer; we catch the refusal and say it ourselves.
    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)
