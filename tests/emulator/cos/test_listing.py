"""LIST, as the SDK pages through it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosS3Client

from tencentcloud_emulator.cos.body import Content
from tencentcloud_emulator.cos.keys import CHUNK, SortedKeys
from tencentcloud_emulator.cos.listing import list_keys
from tencentcloud_emulator.cos.store import stored
from tests.support.cos_server import BUCKET, CosServer


def fill(cos: CosServer, keys: list[str]) -> None:
    """Puts empty objects in place, without a request for each."""
    bucket = cos.cos.store.buckets[BUCKET]
    for key in keys:
        bucket.put(key, stored(Content((), 0, "0" * 32, 0), '"0"', 1e9, {}, "default", "1"))


def pages(client: CosS3Client, **wanted: object) -> Iterator[dict[str, list[dict[str, str]]]]:
    marker = ""
    for _ in range(20):
        page = client.list_objects(BUCKET, Marker=marker, **wanted)
        yield page
        if page["IsTruncated"] == "false":
            return
        marker = page["NextMarker"]
    pytest.fail("the pages do not end")


def test_2500_keys_come_in_three_pages_in_byte_order(cos: CosServer) -> None:
    keys = [f"live/{number:05d}" for number in range(2400)] + [f"é{n}" for n in range(100)]
    random.Random(1).shuffle(keys)
    fill(cos, keys)
    found = list(pages(cos.client()))
    assert [len(page["Contents"]) for page in found] == [1000, 1000, 500]
    listed = [item["Key"] for page in found for item in page["Contents"]]
    assert listed == sorted(keys, key=lambda key: key.encode())


def test_a_prefix_lists_only_what_begins_with_it(cos: CosServer) -> None:
    fill(cos, ["a", "live", "live/1", "live/2", "live0", "z"])
    found = cos.client().list_objects(BUCKET, Prefix="live/")
    assert [item["Key"] for item in found["Contents"]] == ["live/1", "live/2"]
    assert found["Contents"][0] | {"LastModified": ""} == {
        "Key": "live/1",
        "LastModified": "",
        "ETag": '"0"',
        "Size": "0",
        "Owner": {"ID": "1", "DisplayName": "1"},
        "StorageClass": "STANDARD",
    }
    assert found["Contents"][0]["LastModified"] == "2001-09-09T01:46:40.000Z"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_delimiter_groups_on_every_page_size(cos: CosServer, size: int) -> None:
    fill(cos, ["a", "b/1", "b/2", "b/c/3", "d", "e/4", "f"])
    keys, prefixes = [], []
    for page in pages(cos.client(), Delimiter="/", MaxKeys=size):
        keys += [item["Key"] for item in page.get("Contents", [])]
        prefixes += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
    assert (keys, prefixes) == (["a", "d", "f"], ["b/", "e/"])


def test_keys_that_xml_cannot_carry_come_percent_encoded(cos: CosServer) -> None:
    keys = ["a\x01b", "c&<d>", "e f+g", "%41"]
    fill(cos, keys)
    found = cos.client().list_objects(BUCKET)["Contents"]
    assert sorted(item["Key"] for item in found) == sorted(keys)


KEYS = st.lists(st.text("ab/\U0010ffff", min_size=1, max_size=6), unique=True, max_size=30)


def grouped(keys: list[str], prefix: str, delimiter: str) -> list[str]:
    """What LIST shall find, told naively."""
    found = []
    for key in sorted(key for key in keys if key.startswith(prefix)):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        shown = key if cut < 0 else key[: cut + 1]
        if shown not in found:
            found.append(shown)
    return found


@given(KEYS, st.sampled_from(["", "a", "a/", "b"]), st.sampled_from(["", "/"]), st.integers(1, 4))
def test_all_pages_together_are_the_whole(
    keys: list[str], prefix: str, delimiter: str, size: int
) -> None:
    index, marker, found = SortedKeys(), "", []
    for key in keys:
        index.add(key)
    for _ in range(len(keys) + 1):
        page = list_keys(index, prefix, marker, delimiter, size)
        assert len(page.keys) + len(page.prefixes) <= size
        found += sorted(page.keys + page.prefixes)
        marker = page.next_marker
        if not marker:
            break
    assert found == grouped(keys, prefix, delimiter)


def test_the_index_stays_sorted_through_many_changes() -> None:
    rng, index = random.Random(3), SortedKeys()
    keys: set[str] = set()
    for _ in range(12 * CHUNK):
        key = str(rng.randrange(6 * CHUNK))
        if key in keys:
            index.remove(key)
            keys.remove(key)
        else:
            index.add(key)
            keys.add(key)
    assert list(index.at_or_after("")) == sorted(keys)
    assert list(index.after("300")) == sorted(key for key in keys if key > "300")
    for key in sorted(keys):
        index.remove(key)
    assert list(index.at_or_after("")) == []
