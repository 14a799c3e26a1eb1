"""sts 2018-08-13: temporary keys, and who one is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from ..account import MalformedPolicy, Policy, Principal
from ..clock import iso
from ..cloud import Cloud
from .dispatch import Call
from .errors import ApiError
from .fields import number, required, text

SESSION = re.compile(r"[\w+=,.@-]{2,128}", re.ASCII)
FEDERATED = re.compile(r"[A-Za-z]{1,64}")
ROLE_ARN = re.compile(r"qcs::cam::uin/(?P<uin>\d+):role(?:Name)?/(?P<name>[\w.-]+)")


def assume_role(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """A key with the role's policy, narrowed by the one given."""
    arn = required(call.parameters, "RoleArn")
    session = required(call.parameters, "RoleSessionName")
    found = ROLE_ARN.fullmatch(arn)
    if not SESSION.fullmatch(session):
        raise ApiError("InvalidParameter.ParamError", "`RoleSessionName` is malformed.")
    if found is None:
        raise ApiError("InvalidParameter.ResouceError", f"`{arn}` is no role.")
    role = cloud.account.roles.get(found["name"]) if found["uin"] == cloud.account.uin else None
    if role is None:
        raise ApiError("ResourceNotFound.RoleNotFound", f"The role `{arn}` does not exist.")
    if not role.assumable or not call.principal.may("sts:AssumeRole", arn):
        raise ApiError("UnauthorizedOperation", f"{call.principal.arn} may not assume `{arn}`.")
    seconds = _duration(call, 7200, 43_200)
    policy = _policy(call)
    made = cloud.account.assume(role, session, policy, seconds, call.now)
    return _credentials(made)


def get_federation_token(cloud: Cloud, call: Call) -> Mapping[str, object]:
    """A key that may do what the policy given and the user's own allow."""
    name = required(call.parameters, "Name")
    required(call.parameters, "Policy")
    if call.principal.temporary:
        raise ApiError("FailedOperation.TempKeyNotAllowed", "A temporary key cannot ask for one.")
    if not FEDERATED.fullmatch(name):
        raise ApiError("InvalidParameter.ParamError", "`Name` is letters only.")
    if not call.principal.may("sts:GetFederationToken", "*"):
        raise ApiError(
            "UnauthorizedOperation", f"{call.principal.arn} may not ask for a federation token."
        )
    seconds = _duration(call, 1800, 129_600)
    policy = _policy(call)
    if policy is None:
        raise ApiError("InvalidParameter.StrategyFormatError", "`Policy` is empty.")
    return _credentials(cloud.account.federate(call.principal, name, policy, seconds, call.now))


def get_caller_identity(cloud: Cloud, call: Call) -> Mapping[str, object]:
    principal = call.principal
    return {
        "Arn": principal.arn,
        "AccountId": cloud.account.uin,
        "UserId": principal.user_id,
        "PrincipalId": principal.user_id,
        "Type": principal.type,
    }


def _duration(call: Call, default: int, most: int) -> int:
    seconds = number(call.parameters, "DurationSeconds", default)
    if not 1 <= seconds <= most:
        raise ApiError(
            "InvalidParameter.OverTimeError", f"`DurationSeconds` must be within 1 and {most}."
        )
    return seconds


def _policy(call: Call) -> Policy | None:
    document = text(call.parameters, "Policy")
    if not document:
        return None
    try:
        return Policy.parse(unquote(document))
    except MalformedPolicy as error:
        raise ApiError("InvalidParameter.StrategyFormatError", f"`Policy`: {error}.") from error


def _credentials(made: Principal) -> dict[str, object]:
    expires = int(made.expires or 0)
    return {
        "Credentials": {
            "Token": made.token,
            "TmpSecretId": made.secret_id,
            "TmpSecretKey": made.secret_key,
        },
        "ExpiredTime": expires,
        "Expiration": iso(expires),
    }
