"""The table of codes: what certainly made nothing, and everything else (R19)."""

from __future__ import annotations

import pytest
from tencentcloud.cvm.v20170312 import errorcodes

from batchcompute.cloud import errors
from batchcompute.cloud.errors import (
    CloudError,
    RefusedError,
    Scope,
    TerminateHint,
    UnknownOutcomeError,
    from_code,
    scope,
    terminate_hint,
)

CONSEQUENCES = {
    "no stock of the type": ("ResourceInsufficient.SpecifiedInstanceType", errors.StockError),
    "no stock of the type, older code": (
        "ResourcesSoldOut.SpecifiedInstanceType",
        errors.StockError,
    ),
    "spot stock, under a parameter code": (
        "InvalidParameterValue.InsufficientOffering",
        errors.StockError,
    ),
    "a bid below the market": ("InvalidParameterValue.InsufficientPrice", errors.StockError),
    "not even MinCount": ("ResourceInsufficient.InsufficientOfferingMinimum", errors.StockError),
    "a full subnet": (
        "FailedOperation.NoAvailableIpAddressCountInSubnet",
        errors.NetworkStockError,
    ),
    "a quota of instances": ("LimitExceeded.InstanceQuota", errors.QuotaError),
    "a spot quota": ("LimitExceeded.UserSpotQuota", errors.QuotaError),
    "no money": ("InvalidAccount.InsufficientBalance", errors.AccountError),
    "a wrong key": ("AuthFailure.SecretIdNotFound", errors.AuthError),
    "no right": ("UnauthorizedOperation", errors.AuthError),
    "a role that may not be passed": (
        "AuthFailure.CamRoleNameAuthenticateFailed",
        errors.AuthError,
    ),
    "an unknown image": ("InvalidImageId.NotFound", errors.UserError),
    "a wrong parameter": ("InvalidParameterValue", errors.UserError),
    "no partial delivery here": (
        "UnsupportedOperation.MinCountUnsupportedRegion",
        errors.MinCountError,
    ),
    "too many calls": ("RequestLimitExceeded", errors.ThrottledError),
    "too many calls of the account": (
        "RequestLimitExceeded.UinLimitExceeded",
        errors.ThrottledError,
    ),
    "a clock that is off": ("AuthFailure.SignatureExpire", errors.ThrottledError),
}


@pytest.mark.parametrize(("code", "kind"), CONSEQUENCES.values(), ids=CONSEQUENCES.keys())
def test_nothing_was_made(code: str, kind: type[RefusedError]) -> None:
    error = from_code(code, "sentence", "req-1")
    assert type(error) is kind
    assert isinstance(error, RefusedError)
    assert (error.code, str(error), error.request_id) == (code, f"{code}: sentence", "req-1")


UNKNOWN = [
    "InternalError",
    "InternalError.TradeUnknownError",
    "InternalServerError",
    "FailedOperation",
    "FailedOperation.InquiryPriceFailed",
    "FailedOperation.SecurityGroupActionFailed",
    "MutexOperation.TaskRunning",
    "ResourceInUse",
    "ResourceInUse.Anything",
    "ResourceUnavailable",
    "ServiceUnavailable",
    "OperationDenied.InstanceOperationInProgress",
    "UnsupportedOperation.IdempotentParameterMismatch",
    "InvalidParameterValue.AddedByTheVendorTomorrow",
    "HTTP.502",
    "Transport.ServerDisconnectedError",
    "",
]


@pytest.mark.parametrize("code", UNKNOWN)
def test_everything_else_is_unknown(code: str) -> None:
    assert type(from_code(code)) is UnknownOutcomeError


def test_of_the_classes_that_r19_calls_unknown_only_the_full_subnet_is_listed() -> None:
    prefixes = ("InternalError", "InternalServerError", "FailedOperation", "MutexOperation")
    listed = [
        code
        for code in errors._NOTHING_MADE
        if code.startswith((*prefixes, "ResourceInUse", "ServiceUnavailable"))
    ]
    assert listed == ["FailedOperation.NoAvailableIpAddressCountInSubnet"]


def test_no_code_has_two_consequences() -> None:
    groups = [
        value for name, value in vars(errors).items() if name.isupper() and "\n" in str(value)
    ]
    launch = [code for text in groups for code in str(text).split()]
    terminate = {*errors._LOOK_AGAIN.split(), *errors._HUMAN.split()}
    doubled = {code for code in launch if launch.count(code) > 1}
    assert doubled <= terminate
    assert len(errors._NOTHING_MADE) > 150


def test_every_listed_detail_code_is_one_that_the_vendor_names() -> None:
    """Guards against a code that is misspelt and so would never match."""
    named = {value for name, value in vars(errorcodes).items() if name.isupper()}
    # listed for sts and for all services, or seen in the field: not in the cvm module
    elsewhere = {
        "AuthFailure", "IpInBlacklist", "IpNotInWhitelist", "InvalidFilter", "LimitExceeded",
        "ActionOffline", "InvalidAction", "InvalidRequest", "NoSuchProduct", "NoSuchVersion",
        "UnknownParameter", "UnsupportedProtocol", "UnsupportedRegion", "ResourceNotFound",
        "RequestSizeLimitExceeded", "ResourceInsufficient", "UnauthorizedOperation",
        "InvalidParameterValue.TooLong", "UnauthorizedOperation.PermissionDenied",
        "InvalidAccount.UnpaidOrder",
    }  # fmt: skip
    families = ("AuthFailure.", "RequestLimitExceeded")
    strange = {
        code
        for code in errors._NOTHING_MADE
        if code not in named and code not in elsewhere and not code.startswith(families)
    }
    assert strange <= {
        "InvalidSecurityGroupId.Malformed",
        "InvalidParameter.InvalidCloudDiskSoldOut",
        "ResourceInsufficient.ZoneSoldOutForSpecifiedInstance",
        "ResourceInsufficient.InsufficientGroupQuota",
        "ResourceNotFound.InvalidZoneInstanceType",
    }, strange


SCOPES = {
    "a type": ("ResourceInsufficient.SpecifiedInstanceType", Scope.OFFERING),
    "a zone": ("ResourceInsufficient.AvailabilityZoneSoldOut", Scope.ZONE),
    "a quota, per zone and charge type": ("LimitExceeded.InstanceQuota", Scope.ZONE),
    "a subnet": ("LimitExceeded.VpcSubnetNum", Scope.SUBNET),
    "spot of a region": ("UnsupportedOperation.SpotUnsupportedRegion", Scope.REGION),
}


@pytest.mark.parametrize(("code", "expected"), SCOPES.values(), ids=SCOPES.keys())
def test_how_far_a_refusal_reaches(code: str, expected: Scope) -> None:
    error = from_code(code)
    assert isinstance(error, RefusedError)
    assert scope(error) is expected


HINTS = {
    "a gone id": ("InvalidInstanceId.NotFound", TerminateHint.LOOK_AGAIN),
    "one is going already": (
        "UnsupportedOperation.InstanceStateTerminating",
        TerminateHint.LOOK_AGAIN,
    ),
    "one is pending": ("UnsupportedOperation.InstanceStatePending", TerminateHint.LOOK_AGAIN),
    "one is busy": ("OperationDenied.InstanceOperationInProgress", TerminateHint.LOOK_AGAIN),
    "charge types are mixed": (
        "UnsupportedOperation.InstanceMixedPricingModel",
        TerminateHint.SPLIT,
    ),
    "a protected machine": ("UnsupportedOperation.InstancesProtected", TerminateHint.HUMAN),
    "no right": ("UnauthorizedOperation", TerminateHint.HUMAN),
    "throttled": ("RequestLimitExceeded", TerminateHint.WAIT),
    "a lost reply": ("Transport.TimeoutError", TerminateHint.WAIT),
}


@pytest.mark.parametrize(("code", "hint"), HINTS.values(), ids=HINTS.keys())
def test_what_a_refused_termination_says(code: str, hint: TerminateHint) -> None:
    assert terminate_hint(CloudError(code)) is hint
