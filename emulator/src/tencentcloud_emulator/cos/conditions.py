"""Preconditions and ranges of a read, as RFC 9110 says and COS does."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from .errors import CosError, NotModified

if TYPE_CHECKING:
    from .store import StoredObject

Header = Callable[[str], str | None]
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def check_read(header: Header, found: StoredObject) -> None:
    """If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since.

    Raises CosError PreconditionFailed, or NotModified for what the client has already.
    """
    if not _holds(header("If-Match"), header("If-Unmodified-Since"), found):
        raise CosError("PreconditionFailed")
    if _is_known(header("If-None-Match"), header("If-Modified-Since"), found):
        raise NotModified(found.etag)


def check_copy(header: Header, source: StoredObject) -> None:
    """The same for the source of a copy; raises CosError PreconditionFailed."""
    at = "x-cos-copy-source-if-"
    if not _holds(header(at + "match"), header(at + "unmodified-since"), source) or _is_known(
        header(at + "none-match"), header(at + "modified-since"), source
    ):
        raise CosError("PreconditionFailed")


def read_range(text: str | None, size: int) -> tuple[int, int] | None:
    """First byte and one after the last; None for the whole object.

    What is no single byte range is not a range. Raises CosError InvalidRange for one past the end.
    """
    found = _RANGE.fullmatch(text.strip()) if text else None
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise CosError("InvalidRange")
        return size - length, size
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if found[2] and int(found[2]) < start:
        return None
    if start >= size:
        raise CosError("InvalidRange")
    return start, end


def _holds(match: str | None, unmodified_since: str | None, found: StoredObject) -> bool:
    if match is not None:
        return _names(match, found.etag)
    since = _seconds(unmodified_since)
    return since is None or int(found.modified) <= since


def _is_known(none_match: str | None, modified_since: str | None, found: StoredObject) -> bool:
    if none_match is not None:
        return _names(none_match, found.etag)
    since = _seconds(modified_since)
    return since is not None and int(found.modified) <= since


def _names(tags: str, etag: str) -> bool:
    bare = etag.strip('"')
    return any(tag.strip().strip('"') in ("*", bare) for tag in tags.split(","))


def _seconds(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
