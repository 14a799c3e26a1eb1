"""Records as Secret data: what goes in comes back, what is damaged is refused by name."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import orjson
import pytest

from batchcompute.ledger import codec, names
from batchcompute.ledger.records import (
    Abandon,
    Assign,
    Launch,
    LaunchState,
    Lead,
    Member,
    Record,
    Run,
    Stop,
)
from tests.support.ledgers import launch, member

INTENT = launch([member(0), member(1)])(7, "ab" * 16)
BOUND = replace(
    INTENT, state=LaunchState.BOUND, ids={0: "ins-a", 1: "ins-b"}, bound_at=1.5, request=b""
)
RECORDS: dict[str, Record] = {
    "a lead names its holder": Lead(7, "ab" * 16, "operator-0"),
    "an intent keeps the request byte for byte": replace(
        INTENT, request=b"\x00\xff {", request_sha=hashlib.sha256(b"\x00\xff {").hexdigest()
    ),
    "a bound launch keeps its ids and the hash of its request": BOUND,
    "a void launch keeps the code": replace(INTENT, state=LaunchState.VOID, void="LimitExceeded"),
    "an assign keeps its runs": Assign(
        7, "ab" * 16, (Run("0000000003-abcdef-000", 2, "u", "ns", "j", "t", 4, 1),)
    ),
    "a stop keeps a reason for each member": Stop(7, "ab" * 16, {"m1": "BootTimeout", "m2": "X"}),
    "an abandon keeps its ids": Abandon(7, "ab" * 16, ("ins-a", "ins-b")),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_comes_back_as_it_went_in(record: Record) -> None:
    assert codec.decode(names.secret_name(7), codec.encode(record)) == record


def _edited(record: Record, **change: object) -> dict[str, bytes]:
    data = codec.encode(record)
    return data | {"record": orjson.dumps(orjson.loads(data["record"]) | change)}


DAMAGED: dict[str, tuple[dict[str, bytes], str]] = {
    "no record at all": ({}, "KeyError"),
    "not JSON": ({"record": b"{"}, "JSONDecodeError"),
    "another version": (_edited(INTENT, v=2), "another version"),
    "an unknown kind": (_edited(INTENT, kind="lunch"), "lunch"),
    "an unknown field": (_edited(INTENT, colour="red"), "colour"),
    "an unknown state": (_edited(INTENT, state="Maybe"), "Maybe"),
    "the number of another Secret": (_edited(INTENT, seq=8), "number 8"),
    "a request that was changed": (codec.encode(INTENT) | {"request": b"{}"}, "not the one"),
}


@pytest.mark.parametrize(("data", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_refused_by_name(data: dict[str, bytes], why: str) -> None:
    with pytest.raises(codec.BadRecord, match=f"bc-ledger-0000000007: .*{why}"):
        codec.decode("bc-ledger-0000000007", data)


TOO_LARGE: dict[str, Record] = {
    "501 members": replace(INTENT, members=tuple(member(n) for n in range(501))),
    "101 stops": Stop(7, "n", {str(n): "Cancelled" for n in range(101)}),
    "a request of 1 MiB": replace(INTENT, request=bytes(1 << 20)),
}


@pytest.mark.parametrize("record", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_record_over_its_bounds_is_refused_before_it_is_written(record: Record) -> None:
    with pytest.raises(codec.RecordTooLarge):
        codec.encode(record)


def test_five_hundred_members_with_the_longest_names_fit_a_secret() -> None:
    longest = [Member(n, "u" * 36, "n" * 63, "j" * 52, "t" * 63, n, 999) for n in range(500)]
    full = replace(BOUND, members=tuple(longest), ids=dict.fromkeys(range(500), "ins-abcdefgh"))
    assert sum(map(len, codec.encode(full).values())) < codec.MAX_BYTES


def test_the_client_token_is_a_function_of_owner_number_and_nonce() -> None:
    digest = hashlib.sha256(b"owner\n7\n" + b"ab" * 16).digest()
    assert INTENT.client_token == "bc" + base64.b32encode(digest).decode().lower()[:40]
    others = {
        names.client_token(o, s, n)
        for o, s, n in [("owner", 7, "ab" * 16), ("owner2", 7, "ab" * 16), ("owner", 8, "ab" * 16)]
    }
    assert len(others) == 3
    assert all(len(token) <= 64 and token.isascii() for token in others)


def test_ids_have_the_form_of_the_mailbox() -> None:
    assert INTENT.launch_id == "0000000007-ababab"
    assert names.run_id(INTENT.mid(3)) == "0000000007-ababab-003.0"
    assert names.parse_launch_id(INTENT.launch_id) == (7, "ababab")
    assert names.parse_member_id(INTENT.mid(3)) == (INTENT.launch_id, 3)
    assert names.parse_launch_id("0000000007") is None
    assert names.parse_member_id("x") is None


def test_no_repr_shows_the_request() -> None:
    assert isinstance(INTENT, Launch)
    assert "UserData" not in repr(INTENT)
