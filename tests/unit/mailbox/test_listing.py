from __future__ import annotations

import time

import pytest

from batchcompute.mailbox.listing import Entry, parse_page

ENTRY = (
    "<Contents><Key>live/a%20b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    '<ETag>"abc"</ETag><Size>12</Size><Owner><ID>1</ID></Owner></Contents>'
)
ODD = (
    "<Contents><Size>12</Size><ETag>&quot;abc&quot;</ETag>"
    "<LastModified>2026-01-02T03:04:05.000Z</LastModified><Key>live/a%20b</Key></Contents>"
)
EXPECTED = Entry("live/a b", 1767323045.0, "abc", 12)


def page(entries: str, *, tail: str = "", space: str = "") -> str:
    return (
        f'<?xml version="1.0"?><ListBucketResult{space}>'
        f"<IsTruncated>{'true' if tail else 'false'}</IsTruncated>"
        f"{tail}{entries}</ListBucketResult>"
    )


@pytest.mark.parametrize(
    ("text", "entries", "marker"),
    [
        pytest.param(page(""), 0, None, id="nothing"),
        pytest.param(page(ENTRY * 3), 3, None, id="three"),
        pytest.param(page(ODD), 1, None, id="fields in another order"),
        pytest.param(page(ENTRY + ODD), 2, None, id="both orders"),
        pytest.param(page(ENTRY, space=' xmlns="http://x"'), 1, None, id="with a namespace"),
        pytest.param(page(ODD, space=' xmlns="http://x"'), 1, None, id="odd with a namespace"),
        pytest.param(
            page(ENTRY, tail="<NextMarker>a%2Fb</NextMarker>"), 1, "a/b", id="to be continued"
        ),
        pytest.param(page(ENTRY, tail="<X/>"), 1, "live/a b", id="continued without a marker"),
        pytest.param(page(ODD, tail="<X/>"), 1, "live/a b", id="odd, continued without a marker"),
    ],
)
def test_pages(text: str, entries: int, marker: str | None) -> None:
    found = parse_page(text, 5.0)
    assert found.entries == (EXPECTED,) * entries
    assert (found.marker, found.date) == (marker, 5.0)


@pytest.mark.parametrize("text", ["", "no xml", "<Error><Code>X</Code></Error>"])
def test_what_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="listing"):
        parse_page(text, 0)


def test_a_thousand_entries_are_read_within_milliseconds() -> None:
    text = page(ENTRY * 1000)
    begun = time.process_time()  # of this process alone: the machine may be busy
    for _ in range(5):
        parse_page(text, 0)
    assert (time.process_time() - begun) / 5 < 0.01
