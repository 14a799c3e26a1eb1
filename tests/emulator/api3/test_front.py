"""What the front takes from the wire: odd hosts, proxies, kept connections."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from tests.support.cloud_sdk import Sdk
from tests.support.emulator import Emulator

VERSION = "2017-03-12"


def zones(client: CommonClient) -> int:
    return int(client.call_json("DescribeZones", {})["Response"]["TotalCount"])


def test_a_host_header_with_a_scheme_in_it_is_taken(sdk: Sdk, emulator: Emulator) -> None:
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=emulator.endpoint, protocol="http"))
    assert zones(CommonClient("cvm", VERSION, sdk.cvm.credential, "ap-guangzhou", profile)) == 3


def test_the_true_name_through_the_emulator_as_a_proxy(sdk: Sdk, emulator: Emulator) -> None:
    http_profile = HttpProfile(protocol="http", proxy=emulator.endpoint)
    profile = ClientProfile(httpProfile=http_profile)
    assert zones(CommonClient("cvm", VERSION, sdk.cvm.credential, "ap-guangzhou", profile)) == 3


@pytest.fixture
def connection(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    split = urlsplit(emulator.endpoint)
    made = http.client.HTTPConnection(str(split.hostname), split.port, timeout=10)
    with contextlib.closing(made):
        made.connect()
        yield made


def test_the_error_envelope(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/", "{}", {"X-TC-Action": "DescribeZones"})
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.getheader("Content-Type") == "application/json"
    envelope = json.loads(reply.read())["Response"]
    assert set(envelope) == {"Error", "RequestId"}
    assert len(envelope["RequestId"]) == 36


def test_a_connection_serves_call_after_call(connection: http.client.HTTPConnection) -> None:
    socket = connection.sock
    for _ in range(3):
        connection.request("POST", "/", "{}", {"X-TC-Action": "DescribeZones"})
        assert connection.getresponse().read()
    assert connection.sock is socket


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("metadata.tencentyun.com", id="by its name"),
        pytest.param("169.254.0.23", id="by its address"),
    ],
)
def test_the_metadata_service_answers_machines_only(
    connection: http.client.HTTPConnection, host: str
) -> None:
    connection.request("GET", "/latest/meta-data/instance-id", headers={"Host": host})
    assert connection.getresponse().status == 404


def test_what_expects_to_be_told_to_go_on_is_told_so(
    connection: http.client.HTTPConnection,
) -> None:
    connection.sock.sendall(
        b"POST / HTTP/1.1\r\nHost: x\r\nX-TC-Action: A\r\nContent-Length: 2\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sock.sendall(b"{}")
    assert connection.sock.recv(15) == b"HTTP/1.1 200 OK"
