"""The control API: the log of calls, faults, following the machines."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.cvm.v20170312 import models

from tests.support.cloud_sdk import LAUNCH, Sdk
from tests.support.emulator import Emulator

Wait = Callable[..., None]


class TestCalls:
    def test_a_call_is_told_with_its_parameters(self, sdk: Sdk, emulator: Emulator) -> None:
        before = time.time()
        reply = sdk.ask("RunInstances", **LAUNCH)
        (call,) = emulator.calls("RunInstances")
        assert call["ids"] == reply["InstanceIdSet"]
        assert call["requestId"] == reply["RequestId"]
        assert (call["region"], call["code"]) == ("ap-guangzhou", "OK")
        assert call["parameters"] == LAUNCH
        assert before - 1 <= call["time"] <= time.time() + 1

    def test_secrets_are_masked(self, sdk: Sdk, emulator: Emulator) -> None:
        script = base64.b64encode(b"#!/bin/sh\n# s3cret").decode()
        sdk.launch(UserData=script, LoginSettings={"Password": "s3cret"})
        (call,) = emulator.calls("RunInstances")
        assert call["parameters"]["LoginSettings"] == {"Password": "***"}
        assert script not in json.dumps(call)

    def test_they_are_counted_by_action_and_code(self, sdk: Sdk, emulator: Emulator) -> None:
        sdk.launch()
        sdk.refusal("RunInstances")
        assert emulator.counts()["RunInstances"] == {"OK": 1, "MissingParameter": 1}

    def test_only_those_after_a_number(self, sdk: Sdk, emulator: Emulator) -> None:
        sdk.ask("DescribeZones")
        (first,) = emulator.calls("DescribeZones")
        sdk.ask("DescribeImages")
        assert [c["action"] for c in emulator.calls(since=first["seq"])] == ["DescribeImages"]


class TestFaults:
    def test_the_next_calls_of_an_action_fail(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("RunInstances", code="InternalError", count=2)
        assert sdk.refusal("RunInstances", **LAUNCH) == "InternalError"
        assert sdk.ask("DescribeZones")["TotalCount"] == 3
        assert sdk.refusal("RunInstances", **LAUNCH) == "InternalError"
        assert sdk.states() == {}
        assert len(sdk.launch()) == 1

    def test_a_reply_is_lost_after_the_effect(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("RunInstances", lose_reply=True)
        code = sdk.refusal("RunInstances", ClientToken="t1", **LAUNCH)
        assert code == "ClientNetworkError"
        (made,) = sdk.states()
        (call,) = emulator.calls("RunInstances")
        assert (call["ids"], call["replyLost"]) == ([made], True)
        assert sdk.launch(ClientToken="t1") == [made]

    def test_a_reply_breaks_off(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("RunInstances", cut_reply=True)
        request = models.RunInstancesRequest()
        request.from_json_string(json.dumps(LAUNCH))
        with pytest.raises(TencentCloudSDKException) as caught:
            sdk.cvm.RunInstances(request)
        assert caught.value.get_code() == "ChunkedEncodingError"
        assert len(sdk.states()) == 1

    def test_a_status_that_is_not_200(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("RunInstances", status=502)
        assert sdk.refusal("RunInstances", **LAUNCH) == "ServerNetworkError"
        assert sdk.states() == {}

    def test_a_late_reply(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("DescribeZones", hang=0.4)
        begun = time.monotonic()
        sdk.ask("DescribeZones")
        assert time.monotonic() - begun >= 0.4

    def test_only_where_it_is_wanted(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("RunInstances", code="InternalError", where={"InstanceType": "SA2.LARGE8"})
        emulator.fault("DescribeZones", code="InternalError", region="ap-shanghai")
        sdk.launch()
        sdk.ask("DescribeZones")
        assert sdk.refusal("RunInstances", **{**LAUNCH, "InstanceType": "SA2.LARGE8"}) == (
            "InternalError"
        )
        assert Sdk(emulator, region="ap-shanghai").refusal("DescribeZones") == "InternalError"

    def test_only_after_some_calls(self, sdk: Sdk, emulator: Emulator) -> None:
        emulator.fault("DescribeZones", code="InternalError", after=1)
        sdk.ask("DescribeZones")
        assert sdk.refusal("DescribeZones") == "InternalError"

    @pytest.mark.parametrize(
        "wanted",
        [
            pytest.param({"action": "A"}, id="no effect"),
            pytest.param({"action": "A", "code": "X", "lose_reply": True}, id="two effects"),
            pytest.param({"code": "X"}, id="no action"),
            pytest.param({"action": "A", "code": "X", "colour": 1}, id="an unknown field"),
            pytest.param({"action": "A", "code": 4}, id="a wrong type"),
        ],
    )
    def test_a_malformed_fault_is_refused(
        self, sdk: Sdk, emulator: Emulator, wanted: dict[str, Any]
    ) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            emulator.ask("POST", "/faults", wanted)
        with caught.value:
            assert caught.value.code == 400
        assert emulator.ask("GET", "/faults") == {"faults": [], "stock": []}


class TestMachines:
    def test_user_data_is_told_decoded(self, sdk: Sdk, emulator: Emulator) -> None:
        (one,) = sdk.launch(UserData=base64.b64encode(b"#!/bin/sh\necho hi\n").decode())
        with urllib.request.urlopen(f"{emulator.control}/machines/{one}/user-data") as reply:
            assert reply.read() == b"#!/bin/sh\necho hi\n"

    def test_followers_are_told_of_each_change(self, sdk: Sdk, emulator: Emulator) -> None:
        (old,) = sdk.launch()
        url = f"{emulator.control}/machines?follow=1"
        seen: dict[str, list[str]] = {}
        with urllib.request.urlopen(url, timeout=10) as stream:
            first = json.loads(stream.readline())
            assert first["id"] == old
            (new,) = sdk.launch()
            while seen.get(new, [])[-1:] != ["RUNNING"]:
                told = json.loads(stream.readline())
                seen.setdefault(told["id"], []).append(told["state"])
        assert seen[new] == ["PENDING", "RUNNING"]

    @pytest.mark.parametrize(
        ("deed", "status"),
        [
            pytest.param("reclaim", 409, id="only spot is reclaimed"),
            pytest.param("paint", 404, id="an unknown deed"),
        ],
    )
    def test_refused(
        self, sdk: Sdk, emulator: Emulator, wait: Wait, deed: str, status: int
    ) -> None:
        (one,) = sdk.launch()
        with pytest.raises(urllib.error.HTTPError) as caught:
            emulator.do(one, deed)
        with caught.value:
            assert caught.value.code == status

    def test_an_unknown_machine_is_not_found(self, emulator: Emulator) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            emulator.do("ins-00000000", "kill")
        with caught.value:
            assert caught.value.code == 404


def test_a_reset_leaves_nothing(sdk: Sdk, emulator: Emulator) -> None:
    sdk.launch(ClientToken="t1")
    emulator.fault("DescribeZones", code="InternalError")
    emulator.settings(pendingSeconds=99)
    emulator.reset()
    assert emulator.machines() == []
    assert emulator.calls() == []
    assert emulator.ask("GET", "/settings")["pendingSeconds"] == 0.2
    assert sdk.states() == {}
    sdk.ask("DescribeZones")


def test_an_unknown_setting_is_refused(emulator: Emulator) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        emulator.settings(pendingSeconds=1, colour="red")
    with caught.value:
        assert "colour" in caught.value.read().decode()
