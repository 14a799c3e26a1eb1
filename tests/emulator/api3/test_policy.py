"""CAM policies: who may do what to which resource."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tencentcloud_emulator.account import Account, Principal
from tencentcloud_emulator.policy import MalformedPolicy, Policy

OBJECT = "qcs::cos:ap-guangzhou:uid/1250000000:b-1250000000/in/a.txt"


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy.parse({"version": "2.0", "statement": list(statements)})


def allow(action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"effect": "allow", "action": action, "resource": resource}


def deny(action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"effect": "deny", "action": action, "resource": resource}


ALL_OF_IN = "qcs::cos:ap-guangzhou:uid/1250000000:b-1250000000/in/*"

CASES: dict[str, tuple[Policy, bool]] = {
    "what is allowed is allowed": (policy(allow("name/cos:PutObject")), True),
    "with or without the name": (policy(allow("cos:PutObject")), True),
    "what is not mentioned is denied": (policy(allow("cos:GetObject")), False),
    "a list of actions": (policy(allow(["cos:GetObject", "cos:PutObject"])), True),
    "a star for the rest of an action": (policy(allow("cos:Put*")), True),
    "a star for every action": (policy(allow("*")), True),
    "a star in the middle": (policy(allow("cos:P*Object")), True),
    "a dot is no star": (policy(allow("cos.PutObject")), False),
    "a prefix of keys": (policy(allow("*", ALL_OF_IN)), True),
    "another prefix": (policy(allow("*", ALL_OF_IN.replace("/in/", "/out/"))), False),
    "another bucket": (policy(allow("*", ALL_OF_IN.replace("b-1", "c-1"))), False),
    "another region": (policy(allow("*", ALL_OF_IN.replace("guangzhou", "shanghai"))), False),
    "any region when it is empty": (
        policy(allow("*", ALL_OF_IN.replace("ap-guangzhou", ""))),
        True,
    ),
    "another account": (policy(allow("*", ALL_OF_IN.replace("1250000000:", "1259999999:"))), False),
    "one of several resources": (policy(allow("*", ["qcs::cvm:::*", ALL_OF_IN])), True),
    "a deny outweighs an allow": (policy(allow("*"), deny("cos:PutObject")), False),
    "whatever their order": (policy(deny("cos:PutObject"), allow("*")), False),
    "a deny of something else": (policy(allow("*"), deny("cos:GetObject")), True),
    "a bound that allows it": (policy(allow("*")).within(policy(allow("cos:Put*"))), True),
    "a bound that does not": (policy(allow("*")).within(policy(allow("cos:Get*"))), False),
    "a bound gives nothing": (policy(allow("cos:Get*")).within(policy(allow("*"))), False),
    "a bound of everything": (policy(allow("cos:Put*")).within(None), True),
}


@pytest.mark.parametrize(
    ("weighed", "allowed"), [pytest.param(*case, id=name) for name, case in CASES.items()]
)
def test_put_object(weighed: Policy, allowed: bool) -> None:
    assert weighed.allows("name/cos:PutObject", OBJECT) is allowed


def test_a_federated_key_may_not_do_more_than_its_user() -> None:
    user = Principal("id", "key", "arn", policy(allow("cos:Get*")))
    account = Account("1", "2", random.Random(1), {"id": user}, {})
    made = account.federate(user, "x", policy(allow("*")), 60, now=0.0)
    assert made.may("cos:GetObject", OBJECT)
    assert not made.may("cos:PutObject", OBJECT)


MALFORMED: dict[str, Any] = {
    "no JSON": "allow all",
    "no object": "[]",
    "no version": {"statement": [allow("*")]},
    "an old version": {"version": "1.0", "statement": [allow("*")]},
    "no statement": {"version": "2.0", "statement": []},
    "an effect that is none": {"version": "2.0", "statement": [{**allow("*"), "effect": "maybe"}]},
    "no action": {"version": "2.0", "statement": [{"effect": "allow", "resource": "*"}]},
    "no resource": {"version": "2.0", "statement": [{"effect": "allow", "action": "*"}]},
    "a condition": {"version": "2.0", "statement": [{**allow("*"), "condition": {}}]},
}


@pytest.mark.parametrize(
    "document", [pytest.param(case, id=name) for name, case in MALFORMED.items()]
)
def test_malformed(document: Any) -> None:
    with pytest.raises(MalformedPolicy):
        Policy.parse(document if isinstance(document, str) else json.dumps(document))
