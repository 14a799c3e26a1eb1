"""A sorted set of keys. Code points sort as their UTF-8 bytes do, so this is COS's order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

CHUNK = 1024


class SortedKeys:
    """Keys in chunks of at most 2 * CHUNK: adding and removing stay cheap with a million."""

    def __init__(self) -> None:
        self._chunks: list[list[str]] = []
        self._lasts: list[str] = []

    def add(self, key: str) -> None:
        """Adds a key that is not there yet."""
        if not self._chunks:
            self._chunks, self._lasts = [[key]], [key]
            return
        at = min(bisect_left(self._lasts, key), len(self._chunks) - 1)
        chunk = self._chunks[at]
        insort(chunk, key)
        if len(chunk) > 2 * CHUNK:
            self._chunks[at : at + 1] = [chunk[:CHUNK], chunk[CHUNK:]]
            self._lasts.insert(at, chunk[CHUNK - 1])
            at += 1
        self._lasts[at] = self._chunks[at][-1]

    def remove(self, key: str) -> None:
        """Removes a key that is there."""
        at = bisect_left(self._lasts, key)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, key)]
        if chunk:
            self._lasts[at] = chunk[-1]
        else:
            del self._chunks[at], self._lasts[at]

    def after(self, marker: str) -> Iterator[str]:
        """The keys above `marker`, in order."""
        return self._from(marker, inclusive=False)

    def at_or_after(self, key: str) -> Iterator[str]:
        """The keys from `key` on, in order."""
        return self._from(key, inclusive=True)

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def _from(self, key: str, *, inclusive: bool) -> Iterator[str]:
        bisect = bisect_left if inclusive else bisect_right
        at = bisect(self._lasts, key)
        if at == len(self._chunks):
            return
        chunk = self._chunks[at]
        yield from chunk[bisect(chunk, key) :]
        for chunk in self._chunks[at + 1 :]:
            yield from chunk
