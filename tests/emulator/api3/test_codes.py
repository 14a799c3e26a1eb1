"""Every code the emulator answers is one of the cloud's."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from tencentcloud.cvm.v20170312 import errorcodes as cvm
from tencentcloud.sts.v20180813 import errorcodes as sts

import tencentcloud_emulator.api3

COMMON = {
    "AuthFailure.InvalidAuthorization", "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure", "AuthFailure.TokenFailure",
    "InternalError", "InvalidAction", "InvalidRequest", "NoSuchProduct", "NoSuchVersion",
    "RequestLimitExceeded", "RequestSizeLimitExceeded", "UnknownParameter",
    "UnsupportedOperation", "UnsupportedRegion",
}  # fmt: skip
"""From the vendor's page of codes of any service."""

OF_A_NEIGHBOUR = {"UnsupportedOperation.IdempotentParameterMismatch"}
"""A vpc code: cvm documents none for this."""


def listed(module: ModuleType) -> set[str]:
    return {value for name, value in vars(module).items() if name.isupper()}


def answered() -> set[str]:
    """The codes in the sources, at every place that raises one."""
    folder = Path(tencentcloud_emulator.api3.__path__[0])
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))
    plain = set(re.findall(r'ApiError\(\s*"([A-Za-z.]*[A-Za-z])"', text))
    states = set(re.findall(r'"(InstanceState\w+)"', text)) - {"InstanceState", "InstanceStatusSet"}
    return plain | {f"UnsupportedOperation.{state}" for state in states}


def test_every_code_is_the_clouds() -> None:
    codes = answered()
    assert len(codes) > 60
    assert codes - listed(cvm) - listed(sts) - COMMON - OF_A_NEIGHBOUR == set()
