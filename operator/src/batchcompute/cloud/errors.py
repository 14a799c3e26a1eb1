"""ONE table: what each code of Tencent Cloud means for a launch, and the exceptions that say so.

Nothing else in the operator knows a code. R19: a code stands here only when it is certain that the
call made nothing; every other one (transport, HTTP status, InternalError, FailedOperation, a code
that the vendor adds tomorrow) is an unknown outcome. The lists are those of the vendor's SDKs (Go
cvm v1.1.0 has them per action) plus the codes common to all its services.
"""

from __future__ import annotations

from enum import StrEnum


class CloudError(Exception):
    """A call to the cloud failed. ``code`` is the cloud's own, or a word for what broke."""

    def __init__(self, code: str, message: str = "", request_id: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.request_id = request_id


class UnknownOutcomeError(CloudError):
    """It may have been executed or may still be: replay the same bytes, then search (R19)."""


class RefusedError(CloudError):
    """Certainly nothing was made."""


class ThrottledError(RefusedError):
    """Not executed; the same bytes may be sent again after a moment."""


class StockError(RefusedError):
    """The offering is sold out here and now: halve, then another type or zone (R23)."""


class NetworkStockError(RefusedError):
    """The subnet has no addresses left: another subnet, or wait."""


class QuotaError(RefusedError):
    """A limit of the account: a smaller batch may fit, else wait."""


class AccountError(RefusedError):
    """Balance or standing of the account: waiting mends nothing, a person must."""


class AuthError(RefusedError):
    """The key or its rights."""


class UserError(RefusedError):
    """The request asks for what cannot be: image, parameter, combination."""


class MinCountError(RefusedError):
    """This account, region or charge type has no partial delivery: send without MinCount (R23)."""


_THROTTLED = """
RequestLimitExceeded RequestLimitExceeded.IPLimitExceeded RequestLimitExceeded.UinLimitExceeded
RequestLimitExceeded.GlobalRegionUinLimitExceeded AuthFailure.SignatureExpire
"""
_STOCK = """
ResourceInsufficient ResourceInsufficient.SpecifiedInstanceType
ResourceInsufficient.AvailabilityZoneSoldOut ResourceInsufficient.ZoneSoldOutForSpecifiedInstance
ResourceInsufficient.CloudDiskSoldOut ResourceInsufficient.CloudDiskUnavailable
ResourceInsufficient.InsufficientOfferingMinimum ResourcesSoldOut.SpecifiedInstanceType
ResourcesSoldOut.AvailableZone ResourcesSoldOut.EipInsufficient ResourceUnavailable.InstanceType
ResourceNotFound.InvalidZoneInstanceType ResourceNotFound.NoDefaultCbs
ResourceNotFound.NoDefaultCbsWithReason InvalidParameter.InvalidCloudDiskSoldOut
InvalidParameterValue.InsufficientOffering InvalidParameterValue.InsufficientPrice
InvalidParameterValue.ZoneNotSupported UnsupportedOperation.InvalidZone
UnsupportedOperation.NoInstanceTypeSupportSpot UnsupportedOperation.SpotUnsupportedRegion
"""
# The first is a FailedOperation, of which R19 says "unknown" as a class: listed here because an
# empty subnet would else cost 25 minutes a try. Were it wrong, the machines would be strangers (R4)
# that never get work (R3).
_NETWORK_STOCK = """
FailedOperation.NoAvailableIpAddressCountInSubnet LimitExceeded.VpcSubnetNum
ResourceInsufficient.CidrBlock
"""
_QUOTA = """
LimitExceeded LimitExceeded.CvmInstanceQuota LimitExceeded.CvmsVifsPerSecGroupLimitExceeded
LimitExceeded.DisasterRecoverGroup LimitExceeded.HpcClusterQuota LimitExceeded.IPv6AddressNum
LimitExceeded.InstanceEniNumLimit LimitExceeded.InstanceQuota LimitExceeded.PrepayQuota
LimitExceeded.PrepayUnderwriteQuota LimitExceeded.SingleUSGQuota LimitExceeded.SpotQuota
LimitExceeded.UserSpotQuota InstancesQuotaLimitExceeded
InvalidParameterValue.ExternalIpQuotaLimited InvalidParameterValue.TagQuotaLimitExceeded
ResourceInsufficient.DisasterRecoverGroupCvmQuota ResourceInsufficient.InsufficientGroupQuota
"""
_ACCOUNT = """
InvalidAccount.InsufficientBalance InvalidAccount.UnpaidOrder AccountQualificationRestrictions
"""
_AUTH = """
AuthFailure AuthFailure.CamRoleNameAuthenticateFailed AuthFailure.InvalidAuthorization
AuthFailure.InvalidSecretId AuthFailure.MFAFailure AuthFailure.SecretIdNotFound
AuthFailure.SignatureFailure AuthFailure.TokenFailure AuthFailure.UnauthorizedOperation
InvalidPermission IpInBlacklist IpNotInWhitelist OperationDenied.AccountNotSupported
UnauthorizedOperation UnauthorizedOperation.InvalidToken UnauthorizedOperation.MFAExpired
UnauthorizedOperation.MFANotFound UnauthorizedOperation.PermissionDenied
"""
_MIN_COUNT = """
UnsupportedOperation.MinCountUnsupportedRegion UnsupportedOperation.MinCountUnsupportedChargeType
"""
_USER = """
ActionOffline InvalidAction InvalidRequest NoSuchProduct NoSuchVersion UnknownParameter
UnsupportedProtocol UnsupportedRegion RequestSizeLimitExceeded ResourceNotFound
InvalidClientToken.TooLong InvalidFilter InvalidHostId.Malformed InvalidHostId.NotFound
InvalidImageId.Malformed InvalidImageId.NotFound InvalidInstance.NotSupported
InvalidInstanceName.TooLong InvalidInstanceType.Malformed InvalidKeyPairId.Malformed
InvalidKeyPairId.NotFound InvalidPassword InvalidPeriod InvalidProjectId.NotFound
InvalidSecurityGroupId.Malformed InvalidSecurityGroupId.NotFound InvalidZone.MismatchRegion
InvalidParameter InvalidParameter.CdcNotSupported InvalidParameter.EdgeZoneMissInternetAccessible
InvalidParameter.HostIdCustomizedInstanceTypeNotSupport
InvalidParameter.HostIdInstanceTypeNotSupport InvalidParameter.HostIdStatusNotSupport
InvalidParameter.HostIdStandardInstanceTypeNotSupport InvalidParameter.InstanceImageNotSupport
InvalidParameter.InstanceTypeSupportedHostNotFound InvalidParameter.InternetAccessibleNotSupported
InvalidParameter.InvalidIpFormat InvalidParameter.LackCoreCountOrThreadPerCore
InvalidParameter.OnlySupportForEdgeZone InvalidParameter.ParameterConflict
InvalidParameter.SnapshotNotFound InvalidParameter.SpecialParameterForSpecialAccount
InvalidParameterCombination InvalidParameterValue InvalidParameterValue.BandwidthPackageIdMalformed
InvalidParameterValue.BandwidthPackageIdNotFound InvalidParameterValue.BandwidthPackageIspNotMatch
InvalidParameterValue.BandwidthPackageZoneNotMatch InvalidParameterValue.CamRoleNameMalformed
InvalidParameterValue.ChcHostsNotFound InvalidParameterValue.CloudSsdDataDiskSizeTooSmall
InvalidParameterValue.CoreCountValue
InvalidParameterValue.DedicatedClusterNotSupportedChargeType InvalidParameterValue.Duplicate
InvalidParameterValue.DuplicateTags InvalidParameterValue.ElasticNetworkNotExist
InvalidParameterValue.ElasticNetworkVpcSubnetMismatch
InvalidParameterValue.HpcClusterIdZoneIdNotMatch InvalidParameterValue.IPAddressMalformed
InvalidParameterValue.IllegalHostName InvalidParameterValue.IncorrectFormat
InvalidParameterValue.InstanceTypeNotFound
InvalidParameterValue.InstanceTypeNotSupportElasticNetworks
InvalidParameterValue.InstanceTypeNotSupportHpcCluster
InvalidParameterValue.InstanceTypeRequiredHpcCluster InvalidParameterValue.InvalidAppIdFormat
InvalidParameterValue.InvalidImageForGivenInstanceType InvalidParameterValue.InvalidImageFormat
InvalidParameterValue.InvalidImageId InvalidParameterValue.InvalidImageOsName
InvalidParameterValue.InvalidImageState InvalidParameterValue.InvalidIpFormat
InvalidParameterValue.InvalidNetworkInterfaceId InvalidParameterValue.InvalidPassword
InvalidParameterValue.InvalidTimeFormat InvalidParameterValue.InvalidUserDataFormat
InvalidParameterValue.InvalidVpcIdSubnetIdNotFound InvalidParameterValue.IspNotSupportForEdgeZone
InvalidParameterValue.IspValueRepeated InvalidParameterValue.KeyPairNotFound
InvalidParameterValue.LaunchTemplateIdMalformed InvalidParameterValue.LaunchTemplateIdNotExisted
InvalidParameterValue.LaunchTemplateNotFound InvalidParameterValue.LaunchTemplateVersion
InvalidParameterValue.LimitExceeded InvalidParameterValue.MustDhcpEnabledVpc
InvalidParameterValue.MustEnabledIsRdma InvalidParameterValue.NotCdcSubnet
InvalidParameterValue.Range InvalidParameterValue.SnapshotIdMalformed
InvalidParameterValue.SubnetIdMalformed InvalidParameterValue.SubnetIdZoneIdNotMatch
InvalidParameterValue.SubnetNotExist InvalidParameterValue.TagKeyNotFound
InvalidParameterValue.ThreadPerCoreValue InvalidParameterValue.TooLarge
InvalidParameterValue.TooLong InvalidParameterValue.VpcIdMalformed
InvalidParameterValue.VpcIdNotExist InvalidParameterValue.VpcIdSubnetIdNotMatch
InvalidParameterValue.VpcIdZoneIdNotMatch InvalidParameterValue.VpcNotSupportIpv6Address
MissingParameter MissingParameter.DPDKInstanceTypeRequiredVPC MissingParameter.MonitorService
OperationDenied.ChcInstallCloudImageWithoutDeployNetwork
OperationDenied.NotBandwidthShiftUpUserApplyEdgeZoneEip ResourceNotFound.HpcCluster
ResourceNotFound.KeyPairNotFound UnsupportedOperation
UnsupportedOperation.BandwidthPackageIdNotSupported UnsupportedOperation.HibernationOsVersion
UnsupportedOperation.InstanceTypeNotSupportConfidentiality
UnsupportedOperation.InstanceTypeNotSupportGridLicence
UnsupportedOperation.InstanceTypeNotSupportJumboFrame
UnsupportedOperation.InstancesEnableJumboWithoutReboot UnsupportedOperation.InvalidDisk
UnsupportedOperation.InvalidRegionDiskEncrypt UnsupportedOperation.KeyPairUnsupportedWindows
UnsupportedOperation.NotSupportImportInstancesActionTimer
UnsupportedOperation.OnlyForPrepaidAccount
UnsupportedOperation.RawLocalDiskInsReinstalltoQcow2
UnsupportedOperation.UnderwritingInstanceTypeOnlySupportAutoRenew
UnsupportedOperation.UnsupportedInternationalUser VpcAddrNotInSubNet VpcIpIsUsed
"""

_NOTHING_MADE: dict[str, type[RefusedError]] = {
    code: kind
    for kind, codes in (
        (ThrottledError, _THROTTLED),
        (StockError, _STOCK),
        (NetworkStockError, _NETWORK_STOCK),
        (QuotaError, _QUOTA),
        (AccountError, _ACCOUNT),
        (AuthError, _AUTH),
        (MinCountError, _MIN_COUNT),
        (UserError, _USER),
    )
    for code in codes.split()
}


def from_code(code: str, message: str = "", request_id: str = "") -> CloudError:
    """The exception for a code of the cloud."""
    return _NOTHING_MADE.get(code, UnknownOutcomeError)(code, message, request_id)


class Scope(StrEnum):
    """How far a refusal for stock or quota reaches."""

    OFFERING = "Offering"  # this type, zone and charge type
    ZONE = "Zone"  # every type of this zone and charge type
    SUBNET = "Subnet"
    REGION = "Region"  # every zone, for this charge type


_SCOPES = {
    "ResourceInsufficient.AvailabilityZoneSoldOut": Scope.ZONE,
    "ResourcesSoldOut.AvailableZone": Scope.ZONE,
    "InvalidParameterValue.ZoneNotSupported": Scope.ZONE,
    "UnsupportedOperation.InvalidZone": Scope.ZONE,
    "LimitExceeded.SpotQuota": Scope.ZONE,
    "LimitExceeded.UserSpotQuota": Scope.ZONE,
    "LimitExceeded.InstanceQuota": Scope.ZONE,
    "LimitExceeded.CvmInstanceQuota": Scope.ZONE,
    "InstancesQuotaLimitExceeded": Scope.ZONE,
    "UnsupportedOperation.SpotUnsupportedRegion": Scope.REGION,
}


def scope(error: RefusedError) -> Scope:
    """What need not be tried again for a while after this refusal."""
    if isinstance(error, NetworkStockError):
        return Scope.SUBNET
    return _SCOPES.get(error.code, Scope.OFFERING)


class TerminateHint(StrEnum):
    """What a refusal of TerminateInstances says (R24). None of them is a verdict (R6)."""

    LOOK_AGAIN = "LookAgain"  # an id is gone, going or busy: describe, drop it, send the rest
    SPLIT = "Split"  # charge types are mixed: bisect
    HUMAN = "Human"  # protected or not returnable: said in an event, tried again later
    WAIT = "Wait"  # throttled, busy, unknown: the same call again later


_LOOK_AGAIN = """
InvalidInstanceId.NotFound InvalidInstanceId.Malformed InvalidParameterValue.InstanceIdMalformed
InvalidInstanceState.Terminating OperationDenied.InstanceOperationInProgress
MutexOperation.TaskRunning
UnsupportedOperation.InstanceStateTerminated UnsupportedOperation.InstanceStateTerminating
UnsupportedOperation.InstanceStatePending UnsupportedOperation.InstanceStateStarting
UnsupportedOperation.InstanceStateStopping UnsupportedOperation.InstanceStateRebooting
UnsupportedOperation.InstanceStateLaunchFailed UnsupportedOperation.InstanceStateIsolating
UnsupportedOperation.InstanceStateFreezing UnsupportedOperation.InstanceStateBanning
UnsupportedOperation.InstanceStateEnterRescueMode UnsupportedOperation.InstanceStateExitRescueMode
UnsupportedOperation.InstanceStateEnterServiceLiveMigrate
UnsupportedOperation.InstanceStateExitServiceLiveMigrate
"""
_HUMAN = """
UnsupportedOperation.InstancesProtected FailedOperation.Unreturnable LimitExceeded.UserReturnQuota
InvalidAccount.UnpaidOrder UnsupportedOperation.UserLimitOperationExceedQuota
UnauthorizedOperation UnauthorizedOperation.InvalidToken UnauthorizedOperation.MFAExpired
UnauthorizedOperation.MFANotFound UnauthorizedOperation.PermissionDenied
AuthFailure.UnauthorizedOperation InvalidInstanceNotSupportedPrepaidInstance
UnsupportedOperation.InvalidInstancesOwner UnsupportedOperation.RedHatInstanceTerminateUnsupported
UnsupportedOperation.RedHatInstanceUnsupported UnsupportedOperation.SpecialInstanceType
"""
_TERMINATE: dict[str, TerminateHint] = {
    **dict.fromkeys(_LOOK_AGAIN.split(), TerminateHint.LOOK_AGAIN),
    **dict.fromkeys(_HUMAN.split(), TerminateHint.HUMAN),
    "UnsupportedOperation.InstanceMixedPricingModel": TerminateHint.SPLIT,
    "UnsupportedOperation.InstanceChargeType": TerminateHint.SPLIT,
}


def terminate_hint(error: CloudError) -> TerminateHint:
    """What to do after TerminateInstances failed with this."""
    return _TERMINATE.get(error.code, TerminateHint.WAIT)
