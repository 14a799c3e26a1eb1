"""Index sets as text: ``0-78,80``; exact within a bound, then cut at a range (R27)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

CUT = ",..."


def runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Maximal runs ``(first, last)`` of an ascending sequence of distinct indexes."""
    first = last = -2
    for index in indexes:
        if index == last + 1:
            last = index
            continue
        if first >= 0:
            yield first, last
        first = last = index
    if first >= 0:
        yield first, last


def text(indexes: Iterable[int], limit: int) -> str:
    """At most ``limit`` characters; a set that does not fit ends with ``,...``."""
    parts: list[str] = []
    size = 0
    for first, last in runs(indexes):
        part = str(first) if first == last else f"{first}-{last}"
        size += len(part) + bool(parts)
        if size > limit:
            return _cut(parts, limit)
        parts.append(part)
    return ",".join(parts)


def _cut(parts: list[str], limit: int) -> str:
    while parts and len(",".join(parts)) + len(CUT) > limit:
        parts.pop()
    return ",".join(parts) + CUT if parts else CUT[1:]


def is_cut(value: str) -> bool:
    """Whether :func:`text` left something out."""
    return value.endswith("...")


def parse(value: str) -> list[int]:
    """The indexes of an exact set; a cut one is refused with ``ValueError``."""
    if is_cut(value):
        raise ValueError("an index set that was cut says nothing of what it left out")
    found: list[int] = []
    for part in filter(None, value.split(",")):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found
