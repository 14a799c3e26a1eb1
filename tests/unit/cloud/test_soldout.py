"""What is sold out is remembered for minutes, as far as the code says, then probed once."""

from __future__ import annotations

import pytest

from batchcompute.cloud.errors import RefusedError, StockError, from_code
from batchcompute.cloud.soldout import Offering, SoldOut

HERE = Offering("acc", "ap-guangzhou", "ap-guangzhou-3", "S5.MEDIUM4", "POSTPAID_BY_HOUR", "sn-1")


def refusal(code: str) -> RefusedError:
    error = from_code(code)
    assert isinstance(error, RefusedError)
    return error


def test_sold_out_is_remembered_for_minutes_then_probed_by_one() -> None:
    memory = SoldOut(seconds=180.0, probe=60.0)
    assert memory.allows(HERE, 0.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 0.0)
    assert not memory.allows(HERE, 179.9)
    assert memory.why(HERE, 100.0) == ("ResourceInsufficient.SpecifiedInstanceType", 180.0)
    assert memory.allows(HERE, 180.0)
    assert not memory.allows(HERE, 181.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 182.0)
    assert not memory.allows(HERE, 361.9)
    assert memory.allows(HERE, 362.0)
    memory.delivered(HERE)
    assert [memory.allows(HERE, 363.0) for _ in range(3)] == [True] * 3
    assert memory.why(HERE, 363.0) is None


def test_a_probe_that_never_reports_frees_its_place() -> None:
    memory = SoldOut(seconds=180.0, probe=60.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 0.0)
    assert memory.allows(HERE, 200.0)
    assert not memory.allows(HERE, 259.9)
    assert memory.allows(HERE, 260.0)


def test_a_probe_that_asked_for_too_many_lets_a_smaller_one_follow_at_once() -> None:
    memory = SoldOut(seconds=180.0, probe=60.0)
    memory.refused(HERE, StockError("ResourceInsufficient.SpecifiedInstanceType"), 0.0)
    assert memory.allows(HERE, 200.0)
    memory.undecided(HERE)
    assert memory.allows(HERE, 201.0)


OTHERS = {
    "another type": (HERE._replace(instance_type="SA2.MEDIUM4"), {"type"}),
    "spot of the same type": (HERE._replace(charge_type="SPOTPAID"), set()),
    "another zone and subnet": (HERE._replace(zone="ap-guangzhou-4", subnet_id="sn-2"), {"region"}),
    "another account": (HERE._replace(account="other"), set()),
    "no subnet chosen": (HERE._replace(subnet_id="", instance_type="SA2.MEDIUM4"), {"type"}),
}
REACH = {
    "type": "ResourceInsufficient.AvailabilityZoneSoldOut",
    "region": "UnsupportedOperation.SpotUnsupportedRegion",
    "offering": "ResourceInsufficient.SpecifiedInstanceType",
}


@pytest.mark.parametrize("reach", REACH)
@pytest.mark.parametrize(("other", "blocked"), OTHERS.values(), ids=OTHERS.keys())
def test_a_refusal_reaches_as_far_as_its_code_says(
    other: Offering, blocked: set[str], reach: str
) -> None:
    memory = SoldOut()
    memory.refused(HERE, refusal(REACH[reach]), 0.0)
    everywhere = reach == "region" and other.account == HERE.account
    same_charge = other.charge_type == HERE.charge_type
    expected = not (reach in blocked or (everywhere and same_charge))
    assert memory.allows(other, 1.0) is expected


def test_a_full_subnet_stops_every_type_in_it_and_nothing_else() -> None:
    memory = SoldOut()
    memory.refused(HERE, refusal("FailedOperation.NoAvailableIpAddressCountInSubnet"), 0.0)
    assert not memory.allows(HERE._replace(instance_type="C6.LARGE8"), 1.0)
    assert memory.allows(HERE._replace(subnet_id="sn-2"), 1.0)
    assert memory.allows(HERE._replace(subnet_id=""), 1.0)
