"""The operator as a process: how it ends, and how it comes back."""

from __future__ import annotations

import json
import signal
import time

import pytest

LEASE = ("get", "lease", "batchcompute-operator", "-n", "batchcompute-system", "-o", "json")


def holder(stack) -> str:
    spec = json.loads(stack.cluster.kubectl(*LEASE).stdout)["spec"]
    return spec.get("holderIdentity") or ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_ends_it_at_once_and_gives_the_lease_back(stack, number):
    if not stack.operator.running():
        stack.start_operator()
    assert holder(stack) == "dev"
    began = time.monotonic()
    assert stack.operator.signal(number, seconds=10) == 0
    assert time.monotonic() - began < 3
    assert holder(stack) == ""


def test_after_a_kill_it_comes_back_without_waiting_for_its_own_lease(stack):
    if not stack.operator.running():
        stack.start_operator()
    stack.operator.signal(signal.SIGKILL)
    assert holder(stack) == "dev"
    began = time.monotonic()
    stack.start_operator()
    assert time.monotonic() - began < 10, "a lease lasts 15 s"
