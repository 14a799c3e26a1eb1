"""The vendor's SDK pointed at an emulator, by its documented settings alone."""

from __future__ import annotations

from typing import Any

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.cvm.v20170312.cvm_client import CvmClient
from tencentcloud.sts.v20180813.sts_client import StsClient

from tests.support.emulator import Emulator

REGION = "ap-guangzhou"
VERSIONS = {"cvm": "2017-03-12", "sts": "2018-08-13"}
LAUNCH: dict[str, Any] = {
    "Placement": {"Zone": "ap-guangzhou-3"},
    "ImageId": "img-batch001",
    "InstanceType": "S5.MEDIUM4",
}
"""The least a RunInstances call needs."""


class Sdk:
    """Clients of one key in one region."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        secret_id: str | None = None,
        secret_key: str | None = None,
        token: str | None = None,
        region: str = REGION,
    ) -> None:
        self._credential = Credential(
            secret_id or emulator.secret_id, secret_key or emulator.secret_key, token
        )
        self._region = region
        http = HttpProfile(endpoint=emulator.address, protocol="http", reqTimeout=20)
        self._profile = ClientProfile(httpProfile=http)
        self.cvm = CvmClient(self._credential, region, self._profile)
        self.sts = StsClient(self._credential, region, self._profile)

    def ask(self, action: str, service: str = "cvm", **parameters: Any) -> dict[str, Any]:
        """The reply of a call without models; raises TencentCloudSDKException."""
        client = CommonClient(
            service, VERSIONS.get(service, "2020-01-01"), self._credential, self._region,
            self._profile,
        )  # fmt: skip
        reply: dict[str, Any] = client.call_json(action, parameters)["Response"]
        return reply

    def refusal(self, action: str, service: str = "cvm", **parameters: Any) -> str:
        """The code of the error the call must end with."""
        try:
            reply = self.ask(action, service, **parameters)
        except TencentCloudSDKException as error:
            return str(error.get_code())
        raise AssertionError(f"{action} was not refused: {reply}")

    def launch(self, **changes: Any) -> list[str]:
        """RunInstances; the ids."""
        ids: list[str] = self.ask("RunInstances", **{**LAUNCH, **changes})["InstanceIdSet"]
        return ids

    def instances(self, **parameters: Any) -> list[dict[str, Any]]:
        """One page of DescribeInstances."""
        found: list[dict[str, Any]] = self.ask("DescribeInstances", **parameters)["InstanceSet"]
        return found

    def states(self) -> dict[str, str]:
        """Instance id -> state, of all that are listed."""
        return {i["InstanceId"]: i["InstanceState"] for i in self.instances(Limit=100)}

    def terminate(self, *ids: str) -> None:
        self.ask("TerminateInstances", InstanceIds=list(ids))
