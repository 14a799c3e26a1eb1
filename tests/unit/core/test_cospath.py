"""`cos://` URLs: read, refused, compared."""

from __future__ import annotations

import pytest

from batchcompute.core.cospath import BadPath, CosDirectory

READ = {
    "cos://data-1250000000/": CosDirectory("data-1250000000", ""),
    "cos://data-1250000000/a/b/": CosDirectory("data-1250000000", "a/b/"),
    "cos://my-data-1250000000.cos.ap-guangzhou.myqcloud.com/a/": CosDirectory(
        "my-data-1250000000", "a/", "ap-guangzhou"
    ),
    "cos://data-1250000000/a b/\u4e2d/": CosDirectory("data-1250000000", "a b/\u4e2d/"),
}
REFUSED = [
    "",
    "data-1250000000/a/",
    "cos://data-1250000000",
    "cos://data/a/",
    "cos://Data-1250000000/a/",
    "cos://data-1250000000/a",
    "cos://data-1250000000//",
    "cos://data-1250000000/a//b/",
    "cos://data-1250000000/../",
    "cos://data-1250000000/a/./",
    "cos://data-1250000000/a?x/",
    "cos://data-1250000000/a#x/",
    "cos://data-1250000000/a\nb/",
    "cos://data-1250000000.evil.example/a/",
    "cos://data-1250000000@evil/a/",
]


@pytest.mark.parametrize(("url", "read"), READ.items(), ids=READ)
def test_a_directory_is_read(url: str, read: CosDirectory) -> None:
    assert CosDirectory.parse(url) == read


@pytest.mark.parametrize("url", REFUSED, ids=repr)
def test_a_bad_directory_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(BadPath) as error:
        CosDirectory.parse(url)
    assert "\n" not in str(error.value)


OVERLAPS = {
    "the same": ("cos://a-1250000000/x/", "cos://a-1250000000/x/", True),
    "inside": ("cos://a-1250000000/x/y/", "cos://a-1250000000/x/", True),
    "around": ("cos://a-1250000000/", "cos://a-1250000000/x/", True),
    "beside, with the same beginning": ("cos://a-1250000000/xy/", "cos://a-1250000000/x/", False),
    "another bucket": ("cos://b-1250000000/x/", "cos://a-1250000000/x/", False),
    "the same bucket, its region spelled out": (
        "cos://a-1250000000.cos.ap-guangzhou.myqcloud.com/x/",
        "cos://a-1250000000/x/",
        True,
    ),
}


@pytest.mark.parametrize(("one", "other", "overlap"), OVERLAPS.values(), ids=OVERLAPS)
def test_overlap(one: str, other: str, overlap: bool) -> None:
    first, second = CosDirectory.parse(one), CosDirectory.parse(other)
    assert first.overlaps(second) is second.overlaps(first) is overlap


AREAS = {
    "everything": ("*", True),
    "its bucket": ("data-1250000000", True),
    "a prefix around it": ("data-1250000000/a/", True),
    "itself, written as a URL": ("cos://data-1250000000/a/b/", True),
    "a prefix inside it": ("data-1250000000/a/b/c/", False),
    "another bucket that begins alike": ("data-12500000001", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("area", "inside"), AREAS.values(), ids=AREAS)
def test_a_directory_lies_in_an_area(area: str, inside: bool) -> None:
    assert CosDirectory.parse("cos://data-1250000000/a/b/").lies_in(area) is inside
