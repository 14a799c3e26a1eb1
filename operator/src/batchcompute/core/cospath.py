"""`cos://` URLs of directories and objects, as manifests spell them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_URL = re.compile(
    r"cos://(?P<bucket>[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9]{6,})"
    r"(\.cos\.(?P<region>[a-z0-9-]+)\.myqcloud\.com)?/(?P<key>.*)",
    re.DOTALL,
)
_FORM = "cos://<bucket>-<appid>/<prefix>/"


class BadPath(ValueError):
    """The text says what is wrong and how it should look."""


@dataclass(frozen=True, slots=True)
class CosDirectory:
    """A prefix of a bucket; `prefix` is empty or ends with `/`. `region`: None = the job's."""

    bucket: str
    prefix: str
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a directory URL. Raises `BadPath`."""
        bucket, region, key = _split(url)
        if key and not key.endswith("/"):
            raise BadPath(f"{_shown(url)} must end with /")
        return cls(bucket, key, region)

    def overlaps(self, other: CosDirectory) -> bool:
        """One lies inside the other, or they are the same."""
        return self.bucket == other.bucket and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )

    def lies_in(self, area: str) -> bool:
        """`area`: `<bucket>` or `<bucket>/<prefix>/`, or `*` for everything."""
        if area == "*":
            return True
        bucket, _, prefix = area.removeprefix("cos://").partition("/")
        return self.bucket == bucket and self.prefix.startswith(prefix)

    def __str__(self) -> str:
        return f"cos://{self.bucket}/{self.prefix}"


def _split(url: str) -> tuple[str, str | None, str]:
    match = _URL.fullmatch(url)
    if match is None:
        raise BadPath(f"{_shown(url)} is no COS path: write {_FORM}")
    key = match["key"]
    if any(part in ("", ".", "..") for part in key.removesuffix("/").split("/") if key):
        raise BadPath(f"{_shown(url)} has an empty, . or .. part: write {_FORM}")
    if any(ord(char) < 32 or char in "?#" for char in key):
        raise BadPath(f"{_shown(url)} has a control character, ? or # in it")
    return match["bucket"], match["region"], key


def _shown(url: str) -> str:
    """The URL for a message: one line, not too long."""
    text = url.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 120 else f"{text[:117]}..."
