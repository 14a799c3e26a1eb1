"""A plain count of words, and the comparison of the job's result with it."""

from __future__ import annotations

import re
from collections import Counter

# ASCII letters and digits, and every byte of a longer UTF-8 character: what manifests/demo counts.
_WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]+")


def count(text: bytes) -> Counter[bytes]:
    """Words in lower case (ASCII) and how often each is there."""
    return Counter(_WORD.findall(text.translate(_LOWER)))


def parse(table: bytes) -> Counter[bytes]:
    """The job's result: lines `<count> TAB <word>`. Raises ValueError for anything else."""
    found: Counter[bytes] = Counter()
    for line in table.splitlines():
        number, tab, word = line.partition(b"\t")
        if not tab or not number.isdigit():
            raise ValueError(f"not a line of the result: {line[:80]!r}")
        found[word] += int(number)
    return found


def difference(found: Counter[bytes], wanted: Counter[bytes]) -> str | None:
    """None when they are the same, else one sentence with an example."""
    for word in sorted(found.keys() | wanted.keys()):
        if found[word] != wanted[word]:
            name = word.decode(errors="replace")
            return f"`{name}` was counted {found[word]} times, it is there {wanted[word]} times"
    return None


_LOWER = bytes(b + 32 if 65 <= b <= 90 else b for b in range(256))
