"""LIST: keys in byte order, by prefix, marker and delimiter; at most 1,000 a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

from .errors import CosError
from .xmldoc import document, element

if TYPE_CHECKING:
    from .keys import SortedKeys
    from .store import Bucket

MAX_KEYS = 1000
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")


@dataclass(slots=True)
class Page:
    """What one LIST finds. `next_marker` is empty on the last page."""

    keys: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_marker: str = ""


def list_keys(keys: SortedKeys, prefix: str, marker: str, delimiter: str, limit: int) -> Page:
    """The first `limit` keys and common prefixes after `marker`."""
    if limit == 0:
        return Page()
    found = _starting_at(keys, prefix, marker, delimiter)
    if delimiter:
        return _grouped(keys, found, prefix, delimiter, limit)
    page = Page(list(islice(takewhile(lambda key: key.startswith(prefix), found), limit + 1)))
    if len(page.keys) > limit:
        page.keys.pop()
        page.next_marker = page.keys[-1]
    return page


def count_of(text: str | None, most: int = MAX_KEYS) -> int:
    """A page size from a parameter; raises CosError InvalidArgument."""
    if not text:
        return most
    if not (text.isascii() and text.isdigit()):
        raise CosError("InvalidArgument", "The page size is not a number.")
    return min(int(text), most)


def encoding_of(params: Mapping[str, str]) -> bool:
    """Whether keys are to come percent-encoded; raises CosError InvalidArgument."""
    wanted = params.get("encoding-type", "")
    if wanted not in ("", "url"):
        raise CosError("InvalidArgument", "encoding-type can only be url.")
    return bool(wanted)


def shown(text: str, url_encoded: bool) -> str:
    """A key as it stands in a reply."""
    if _PLAIN.fullmatch(text):
        return text
    return quote(text, "/-_.~") if url_encoded else escape(text)


def list_reply(bucket: Bucket, params: Mapping[str, str]) -> bytes:
    """The body of GET Bucket (List Objects)."""
    encoded, limit = encoding_of(params), count_of(params.get("max-keys"))
    prefix, marker = params.get("prefix", ""), params.get("marker", "")
    delimiter = params.get("delimiter", "")
    page = list_keys(bucket.keys, prefix, marker, delimiter, limit)
    parts = [
        element("Name", bucket.name),
        "<EncodingType>url</EncodingType>" if encoded else "",
        f"<Prefix>{shown(prefix, encoded)}</Prefix><Marker>{shown(marker, encoded)}</Marker>",
        element("MaxKeys", limit),
        f"<Delimiter>{shown(delimiter, encoded)}</Delimiter>" if delimiter else "",
        element("IsTruncated", "true" if page.next_marker else "false"),
        f"<NextMarker>{shown(page.next_marker, encoded)}</NextMarker>" if page.next_marker else "",
    ]
    objects = bucket.objects
    parts += [
        f"<Contents><Key>{shown(key, encoded)}</Key>{objects[key].listing}" for key in page.keys
    ]
    parts += [
        f"<CommonPrefixes><Prefix>{shown(p, encoded)}</Prefix></CommonPrefixes>"
        for p in page.prefixes
    ]
    return document("ListBucketResult", parts)


def _starting_at(keys: SortedKeys, prefix: str, marker: str, delimiter: str) -> Iterator[str]:
    ended_with_prefix = delimiter and marker.startswith(prefix) and marker.endswith(delimiter)
    if ended_with_prefix and (past := _past(marker)):
        return keys.at_or_after(past)
    return keys.after(marker) if marker >= prefix and marker else keys.at_or_after(prefix)


def _grouped(
    keys: SortedKeys, found: Iterator[str], prefix: str, delimiter: str, limit: int
) -> Page:
    page, last = Page(), ""
    while (key := next(found, None)) is not None and key.startswith(prefix):
        if len(page.keys) + len(page.prefixes) == limit:
            page.next_marker = last
            break
        cut = key.find(delimiter, len(prefix))
        if cut < 0:
            last = key
            page.keys.append(key)
            continue
        last = key[: cut + len(delimiter)]
        page.prefixes.append(last)
        past = _past(last)
        found = keys.at_or_after(past) if past else iter(())
    return page


def _past(prefix: str) -> str:
    """The least string above all that begin with `prefix`; empty if there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if code == 0xD800 else code)
    return ""
