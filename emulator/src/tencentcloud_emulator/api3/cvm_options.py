"""The options of a launch: how it is paid, tagged, reached, and when it ends by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .errors import ApiError
from .fields import number, obj, objects, text

CHARGE_TYPES = frozenset(("PREPAID", "POSTPAID_BY_HOUR", "SPOTPAID"))


def charge_type(parameters: Mapping[str, object]) -> str:
    """POSTPAID_BY_HOUR unless asked for otherwise; checks the options of spot and prepaid."""
    wanted = text(parameters, "InstanceChargeType") or "POSTPAID_BY_HOUR"
    if wanted not in CHARGE_TYPES:
        raise ApiError("InvalidParameterValue", f"`InstanceChargeType` cannot be `{wanted}`.")
    if wanted == "PREPAID" and not obj(parameters, "InstanceChargePrepaid").get("Period"):
        raise ApiError(
            "MissingParameter", "The required parameter `InstanceChargePrepaid.Period` is missing."
        )
    options = obj(parameters, "InstanceMarketOptions")
    if options and wanted != "SPOTPAID":
        raise ApiError("InvalidParameterCombination", "`InstanceMarketOptions` needs SPOTPAID.")
    _check_spot(options)
    return wanted


def _check_spot(options: Mapping[str, Any]) -> None:
    if text(options, "MarketType") not in ("", "spot"):
        raise ApiError("InvalidParameterValue", "`MarketType` must be spot.")
    spot = obj(options, "SpotOptions")
    if text(spot, "SpotInstanceType") not in ("", "one-time"):
        raise ApiError("InvalidParameterValue", "`SpotInstanceType` must be one-time.")
    price = text(spot, "MaxPrice")
    if price and not price.replace(".", "", 1).isdecimal():
        raise ApiError("InvalidParameterValue", "`MaxPrice` is no price.")


def tags(parameters: Mapping[str, object]) -> dict[str, str]:
    """The tags asked for, at most 50."""
    found: dict[str, str] = {}
    for specification in objects(parameters, "TagSpecification"):
        if text(specification, "ResourceType") != "instance":
            raise ApiError("InvalidParameterValue", "`ResourceType` must be instance.")
        for tag in objects(specification, "Tags"):
            key, value = text(tag, "Key"), text(tag, "Value")
            if key in found:
                raise ApiError("InvalidParameterValue.DuplicateTags", f"The tag `{key}` is twice.")
            if not key or len(key) > 127:
                raise ApiError("FailedOperation.IllegalTagKey", f"`{key}` is no tag key.")
            if len(value) > 255:
                raise ApiError("FailedOperation.IllegalTagValue", f"The value of `{key}` is bad.")
            found[key] = value
    if len(found) > 50:
        raise ApiError("InvalidParameterValue.TagQuotaLimitExceeded", "More than 50 tags.")
    return found


def internet(given: Mapping[str, Any]) -> dict[str, object]:
    """How it is reached from outside: it is not, but the wish is kept."""
    bandwidth = number(given, "InternetMaxBandwidthOut", 0)
    if bandwidth < 0 or bandwidth > 200:
        raise ApiError("InvalidParameterValue.Range", "`InternetMaxBandwidthOut` is out of range.")
    return {
        "InternetChargeType": text(given, "InternetChargeType") or "TRAFFIC_POSTPAID_BY_HOUR",
        "InternetMaxBandwidthOut": bandwidth,
        "PublicIpAssigned": bandwidth > 0,
    }


def timer(given: Mapping[str, Any], now: float, ahead: float) -> float | None:
    """When an ActionTimer is due, in Unix seconds; at least `ahead` seconds from now."""
    if not given:
        return None
    if text(given, "TimerAction") != "TerminateInstances":
        raise ApiError("InvalidParameterValue", "`TimerAction` must be TerminateInstances.")
    value = text(given, "ActionTime")
    try:
        at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise ApiError(
            "InvalidParameterValue", f"`ActionTime` is not YYYY-MM-DDThh:mm:ssZ: `{value}`."
        ) from error
    if at < now + ahead:
        raise ApiError(
            "InvalidParameterValue", f"`ActionTime` must be at least {ahead:.0f} s ahead."
        )
    return at
