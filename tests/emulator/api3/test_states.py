"""Instances change state by the clock; the history tells when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator

Wait = Callable[..., None]


def history(emulator: Emulator, instance_id: str) -> list[str]:
    return [entry["state"] for entry in emulator.machine(instance_id)["states"]]


def running(sdk: Sdk, wait: Wait, **changes: Any) -> list[str]:
    ids = sdk.launch(**changes)
    wait(lambda: [sdk.states().get(i) for i in ids] == ["RUNNING"] * len(ids), "RUNNING")
    return ids


def test_from_launch_to_absent(sdk: Sdk, emulator: Emulator, wait: Wait) -> None:
    emulator.settings(pendingSeconds=2, terminatingSeconds=2)
    (one,) = sdk.launch()
    assert sdk.states() == {one: "PENDING"}
    wait(lambda: sdk.states()[one] == "RUNNING", "RUNNING")
    sdk.terminate(one)
    assert sdk.states() == {one: "TERMINATING"}
    wait(lambda: sdk.states() == {}, "absent")
    assert sdk.instances(InstanceIds=[one]) == []
    assert history(emulator, one) == ["PENDING", "RUNNING", "TERMINATING", "GONE"]


def test_states_take_their_time_though_nobody_looks(
    sdk: Sdk, emulator: Emulator, wait: Wait
) -> None:
    emulator.settings(pendingSeconds=0.5)
    (one,) = sdk.launch()
    wait(lambda: len(history(emulator, one)) == 2, "RUNNING")
    (pending, up) = emulator.machine(one)["states"]
    assert 0.5 <= up["time"] - pending["time"] < 5
    assert emulator.calls("DescribeInstances") == []


def test_the_latest_operation_is_told(sdk: Sdk, emulator: Emulator, wait: Wait) -> None:
    emulator.settings(pendingSeconds=2, terminatingSeconds=30)

    def latest() -> tuple[str, str]:
        (found,) = sdk.instances()
        return found["LatestOperation"], found["LatestOperationState"]

    (one,) = sdk.launch()
    assert latest() == ("RunInstances", "OPERATING")
    wait(lambda: latest() == ("RunInstances", "SUCCESS"), "SUCCESS")
    sdk.terminate(one)
    assert latest() == ("TerminateInstances", "OPERATING")


def test_a_launch_that_fails_is_listed_for_a_time(sdk: Sdk, emulator: Emulator, wait: Wait) -> None:
    emulator.settings(launchFailedSeconds=0.3)
    emulator.fault("RunInstances", launch_failed=True, count=1, message="no host")
    ids = sdk.launch(InstanceCount=2)
    wait(lambda: "PENDING" not in sdk.states().values(), "an end of PENDING")
    assert sdk.states() == {ids[0]: "LAUNCH_FAILED", ids[1]: "RUNNING"}
    (failed,) = sdk.instances(InstanceIds=[ids[0]])
    assert failed["LatestOperationState"] == "FAILED"
    assert failed["LatestOperationErrorMsg"] == "no host"
    code = sdk.refusal("TerminateInstances", InstanceIds=[ids[0]])
    assert code == "UnsupportedOperation.InstanceStateLaunchFailed"
    wait(lambda: set(sdk.states()) == {ids[1]}, "it is removed by itself")


def test_new_instances_and_their_tags_may_be_seen_late(
    sdk: Sdk, emulator: Emulator, wait: Wait
) -> None:
    emulator.settings(visibleAfterSeconds=1, tagsAfterSeconds=2.5)
    tag = {"ResourceType": "instance", "Tags": [{"Key": "k", "Value": "v"}]}
    sdk.launch(TagSpecification=[tag])
    by_tag = {"Filters": [{"Name": "tag:k", "Values": ["v"]}]}
    assert sdk.instances() == []
    wait(lambda: sdk.states(), "listed")
    assert sdk.instances(**by_tag) == []
    wait(lambda: sdk.instances(**by_tag), "tagged")


class TestTerminate:
    def test_a_pending_instance_is_refused(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.settings(pendingSeconds=30)
        ids = sdk.launch()
        code = sdk.refusal("TerminateInstances", InstanceIds=ids)
        assert code == "UnsupportedOperation.InstanceStatePending"

    def test_twice_is_refused(self, sdk: Sdk, emulator: Emulator, wait: Wait) -> None:
        emulator.settings(terminatingSeconds=30)
        (one,) = running(sdk, wait)
        sdk.terminate(one)
        code = sdk.refusal("TerminateInstances", InstanceIds=[one])
        assert code == "UnsupportedOperation.InstanceStateTerminating"

    @pytest.mark.parametrize(
        ("bad", "code"),
        [
            pytest.param("ins-00000000", "InvalidInstanceId.NotFound", id="an unknown id"),
            pytest.param("ins-1", "InvalidInstanceId.Malformed", id="a malformed id"),
        ],
    )
    def test_one_bad_id_fails_them_all(self, sdk: Sdk, wait: Wait, bad: str, code: str) -> None:
        (one,) = running(sdk, wait)
        assert sdk.refusal("TerminateInstances", InstanceIds=[one, bad]) == code
        assert sdk.states() == {one: "RUNNING"}

    def test_101_ids_are_refused(self, sdk: Sdk) -> None:
        ids = [f"ins-{n:08d}" for n in range(101)]
        code = sdk.refusal("TerminateInstances", InstanceIds=ids)
        assert code == "InvalidParameterValue.LimitExceeded"

    def test_no_ids_are_refused(self, sdk: Sdk) -> None:
        assert sdk.refusal("TerminateInstances", InstanceIds=[]) == "MissingParameter"

    def test_charge_types_are_not_mixed(self, sdk: Sdk, wait: Wait) -> None:
        ids = running(sdk, wait) + running(sdk, wait, InstanceChargeType="SPOTPAID")
        code = sdk.refusal("TerminateInstances", InstanceIds=ids)
        assert code == "UnsupportedOperation.InstanceMixedPricingModel"

    def test_a_protected_instance_stays(self, sdk: Sdk, wait: Wait) -> None:
        ids = running(sdk, wait, DisableApiTermination=True)
        code = sdk.refusal("TerminateInstances", InstanceIds=ids)
        assert code == "UnsupportedOperation.InstancesProtected"

    def test_another_region_does_not_reach_it(
        self, sdk: Sdk, emulator: Emulator, wait: Wait
    ) -> None:
        ids = running(sdk, wait)
        shanghai = Sdk(emulator, region="ap-shanghai")
        assert shanghai.states() == {}
        code = shanghai.refusal("TerminateInstances", InstanceIds=ids)
        assert code == "InvalidInstanceId.NotFound"

    def test_with_a_recycle_bin_it_takes_two(
        self, sdk: Sdk, emulator: Emulator, wait: Wait
    ) -> None:
        emulator.settings(recycleBin=True)
        (one,) = running(sdk, wait)
        sdk.terminate(one)
        assert sdk.states() == {one: "SHUTDOWN"}
        sdk.terminate(one)
        wait(lambda: sdk.states() == {}, "absent")


class TestControl:
    def test_kill_stops_it_and_it_can_be_terminated(
        self, sdk: Sdk, emulator: Emulator, wait: Wait
    ) -> None:
        (one,) = running(sdk, wait)
        emulator.do(one, "kill")
        assert sdk.states() == {one: "STOPPED"}
        sdk.terminate(one)
        wait(lambda: sdk.states() == {}, "absent")

    def test_panic_leaves_it_running_in_the_clouds_eyes(
        self, sdk: Sdk, emulator: Emulator, wait: Wait
    ) -> None:
        (one,) = running(sdk, wait)
        assert emulator.do(one, "panic")["panicked"] is True
        assert sdk.states() == {one: "RUNNING"}
        assert emulator.do(one, "thaw")["panicked"] is False

    def test_reclaim_gives_notice_and_then_ends_it(
        self, sdk: Sdk, emulator: Emulator, wait: Wait
    ) -> None:
        (one,) = running(sdk, wait, InstanceChargeType="SPOTPAID")
        assert emulator.do(one, "reclaim", seconds=1.5)["reclaimAt"] is not None
        assert sdk.states() == {one: "RUNNING"}
        wait(lambda: sdk.states() == {}, "absent")
        assert emulator.machine(one)["endedBy"] == "reclaim"
        assert history(emulator, one) == ["PENDING", "RUNNING", "TERMINATING", "GONE"]

    def test_vanish_is_at_once(self, sdk: Sdk, emulator: Emulator, wait: Wait) -> None:
        (one,) = running(sdk, wait)
        emulator.do(one, "vanish")
        assert sdk.states() == {}

    def test_the_address_of_what_is_gone_is_free_again(self, sdk: Sdk, emulator: Emulator) -> None:
        small: dict[str, Any] = {
            "VirtualPrivateCloud": {"VpcId": "vpc-batchgz1", "SubnetId": "subnet-smallgz3"}
        }
        ids = sdk.launch(InstanceCount=5, **small)
        full = sdk.refusal("RunInstances", **LAUNCH, **small)
        assert full == "FailedOperation.NoAvailableIpAddressCountInSubnet"
        emulator.do(ids[0], "vanish")
        assert len(sdk.launch(**small)) == 1
