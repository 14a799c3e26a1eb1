"""The demo as a user of the cloud: the official SDKs against the emulated account."""

from __future__ import annotations

from typing import Any

from qcloud_cos import CosConfig, CosS3Client, CosServiceError
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.cvm.v20170312 import cvm_client, models

from dev.stack.cloud import Cloud


class Bucket:
    """One bucket of the account, under its true name: the emulator is an HTTP proxy to it."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.name = name
        config = CosConfig(
            Region=cloud.region,
            SecretId=cloud.secret_id,
            SecretKey=cloud.secret_key,
            Scheme="http",
            Proxies={"http": cloud.endpoint},
        )
        self._client: Any = CosS3Client(config)

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes | None:
        """None when there is no such object."""
        try:
            answer = self._client.get_object(Bucket=self.name, Key=key)
        except CosServiceError as error:
            if error.get_status_code() == 404:
                return None
            raise
        content: bytes = answer["Body"].get_raw_stream().read()
        return content


def instances(cloud: Cloud) -> list[str]:
    """Ids that DescribeInstances lists."""
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=cloud.address, protocol="http"))
    credential = Credential(cloud.secret_id, cloud.secret_key)
    client = cvm_client.CvmClient(credential, cloud.region, profile)
    request = models.DescribeInstancesRequest()
    request.Limit = 100
    return [i.InstanceId for i in client.DescribeInstances(request).InstanceSet or []]
