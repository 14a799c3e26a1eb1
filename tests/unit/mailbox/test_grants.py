from __future__ import annotations

from typing import Any

import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox import grants
from batchcompute.mailbox.grants import Granter, key_time, refresh_at, signer_policies
from batchcompute.mailbox.layout import Layout
from batchcompute.mailbox.signing import KeyTime, Signer

CREATED = 1_000_000.9
DAY = 86400
KEY = Credential("AK", "sk")
STS = Credential("AK", "sk", "token", expires=CREATED + 7200)
LAYOUT = Layout.of("ws", "0a1b2c3d")
BASE = "https://ws-1250000000.cos.ap-guangzhou.myqcloud.com"
RID, ATTEMPT = "0000000001-aaaaaa-000.0", "jobs/n/j.12345678/t/0/0/"


@pytest.mark.parametrize(
    ("credential", "deadlines", "options", "end"),
    [
        pytest.param(KEY, 3600, {}, 1_000_000 + 3600 + DAY, id="deadlines and a day"),
        pytest.param(KEY, 90 * DAY, {}, 1_000_000 + 30 * DAY, id="at most thirty days"),
        pytest.param(KEY, 3600, {"node": True}, 1_000_000 + 7 * DAY, id="a node: seven days"),
        pytest.param(STS, 90 * DAY, {}, 1_000_000 + 7200, id="a token's own life"),
        pytest.param(STS, 0, {"longest": 30}, 1_000_030, id="the setting shortens a token's"),
        pytest.param(KEY, 3600, {"longest": 30}, 1_000_030, id="the setting shortens a key's"),
        pytest.param(KEY, 0, {"longest": 9 * DAY}, 1_000_000 + DAY, id="and never lengthens"),
    ],
)
def test_key_time(
    credential: Credential, deadlines: float, options: dict[str, float], end: int
) -> None:
    span = key_time(CREATED, deadlines, credential, **options)  # type: ignore[arg-type]
    assert span == KeyTime(1_000_000 - 300, end)


def test_new_grants_are_due_at_half_the_life() -> None:
    assert refresh_at(key_time(CREATED, 0, KEY, longest=30)) == 1_000_015


def test_boot_urls_die_half_an_hour_after_the_boot_deadline() -> None:
    assert grants.boot_key_time(CREATED, 1800, KEY) == KeyTime(999_700, 1_003_600)
    assert grants.boot_key_time(CREATED, 9000, STS).end == int(CREATED + 7200)


def granter(put: Credential = KEY, get: Credential = KEY) -> Granter:
    return Granter.of(LAYOUT, BASE, put, get, KeyTime(1, 2), KeyTime(3, 4))


def test_a_run_gets_forty_signatures_that_all_differ() -> None:
    sig = granter().run(RID, ATTEMPT)
    whole = [*sig.live, sig.done, sig.start, sig.start_get, sig.result, sig.manifest]
    whole += [*sig.out, *sig.err]
    assert (len(sig.live), len(sig.out), len(sig.err)) == (3, 16, 16)
    assert len(set(whole)) == 40
    assert all(len(item) == 40 for item in whole)
    assert list(sig.as_json()) == [
        "live", "done", "start", "startGet", "result", "manifest", "out", "err",
    ]  # fmt: skip


def test_each_signature_is_of_the_right_signer_method_and_mode() -> None:
    put, get = Credential("P", "put-key"), Credential("G", "get-key")
    made = granter(put, get)
    write = Signer.of(put, KeyTime(1, 2)).presigner(BASE).signature
    read = Signer.of(get, KeyTime(3, 4)).presigner(BASE).signature
    sig = made.run(RID, ATTEMPT)
    assert sig.live[1] == write("PUT", LAYOUT.live(RID, 1))
    assert sig.done == write("PUT", LAYOUT.done(RID), write_once=True)
    assert sig.start == write("PUT", LAYOUT.start(ATTEMPT), write_once=True)
    assert sig.start_get == read("GET", LAYOUT.start(ATTEMPT))
    assert sig.result == write("PUT", LAYOUT.result(ATTEMPT), write_once=True)
    assert sig.manifest == write("PUT", LAYOUT.manifest(ATTEMPT), write_once=True)
    assert sig.err[15] == write("PUT", LAYOUT.log(ATTEMPT, "err", 15))
    assert made.box_get("0000000001-aaaaaa-000") == read("GET", LAYOUT.box("0000000001-aaaaaa-000"))
    assert made.idle("0000000001-aaaaaa-000") == write("PUT", LAYOUT.idle("0000000001-aaaaaa-000"))


def test_two_leaders_make_the_same_signatures() -> None:
    assert granter().run(RID, ATTEMPT) == granter().run(RID, ATTEMPT)


def test_a_grant_carries_its_token_once_and_does_not_print_it() -> None:
    grant = granter(STS, KEY).put_grant
    assert grant.as_json() == {"ak": "AK", "keyTime": "1;2", "token": "token"}
    assert granter().get_grant.as_json() == {"ak": "AK", "keyTime": "3;4"}
    assert "token" not in repr(grant).replace("token=", "")


def test_boot_urls_name_the_three_objects() -> None:
    urls = granter().boot("0000000001-aaaaaa", "ab" * 32)
    prefix = f"{BASE}/ws/0a1b2c3d/v1/boot/"
    assert urls.runner.startswith(f"{prefix}runner-{'ab' * 32}.py?")
    assert urls.directory.startswith(f"{BASE}/ws/0a1b2c3d/v1/dir/0000000001-aaaaaa?")
    assert urls.fail.startswith(f"{prefix}0000000001-aaaaaa.fail?")


def test_signers_may_do_one_thing_each() -> None:
    policies = signer_policies(1250000000, "ws-1250000000", "ap-guangzhou", LAYOUT.prefix)
    base = "qcs::cos:ap-guangzhou:uid/1250000000:ws-1250000000/ws/0a1b2c3d/v1/"
    statements: dict[str, Any] = {name: policies[name]["statement"] for name in ("put", "get")}
    [put], [get] = statements["put"], statements["get"]
    assert put["action"] == ["name/cos:PutObject"]
    assert put["resource"] == [base + key for key in ("live/*", "done/*", "jobs/*", "boot/*.fail")]
    assert get["action"] == ["name/cos:GetObject"]
    assert get["resource"] == [
        base + key for key in ("dir/*", "box/*", "boot/runner-*", "jobs/*/start")
    ]
