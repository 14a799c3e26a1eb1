"""One stack for all tests of jobs, faster than the real cloud, with a cluster of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dev.stack.cloud import Pace
from dev.stack.stack import Stack
from tests.support.site import Site

SETTINGS = {
    "mailbox": {"beatSeconds": 2, "livePollSeconds": 1, "lostAfterSeconds": 10},
    "launch": {"graceSeconds": 4, "waitScale": 0.005},
    "permissions": [
        {"namespaces": ["*"], "buckets": ["data-1250000000"], "regions": ["ap-guangzhou"]}
    ],
    "cloud": {
        "describeStartingSeconds": 2,
        "describeTerminatingSeconds": 2,
        "describeOthersSeconds": 4,
    },
}


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Tests share it and keep to namespaces of their own; who stops the operator starts it."""
    pace = Pace(pending_seconds=0.5, terminating_seconds=0.5)
    stack = Stack.start(tmp_path_factory.mktemp("jobs"), pace=pace, settings=SETTINGS)
    try:
        site = Site.of(stack)
        yield site
        site.close()
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def namespace(site: Site, request: pytest.FixtureRequest) -> str:
    """A namespace named for the test file."""
    name = re.sub(r"[^a-z]+", "-", request.module.__name__.rpartition("test_")[2])
    return site.namespace(name)
