from __future__ import annotations

import base64
import subprocess
from hashlib import sha256

import pytest

from batchcompute.cloud.credential import Credential
from batchcompute.mailbox.grants import BootUrls, Granter
from batchcompute.mailbox.layout import RUNNER_LIMIT, Layout
from batchcompute.mailbox.signing import KeyTime
from batchcompute.runner.userdata import (
    UserDataTooLargeError,
    render,
    runner_sha256,
    runner_source,
    user_data,
)

LAUNCH, SHA = "0000000001-aaaaaa", "ab" * 32
BASE = "https://ws-1250000000.cos.ap-guangzhou.myqcloud.com"


def urls(token: str | None = None) -> BootUrls:
    put, get = Credential("P" * 36, "k", token and token + "-put"), Credential("G" * 36, "k", token)
    span = KeyTime(1_700_000_000, 1_700_003_600)
    granter = Granter.of(Layout.of("batch/prod", "0a1b2c3d"), BASE, put, get, span, span)
    return granter.boot(LAUNCH, SHA)


def test_the_script_is_at_most_four_kibibytes() -> None:
    assert len(render(LAUNCH, urls(), 1800, SHA)) <= 4096


def test_the_script_names_the_urls_whole() -> None:
    for token in (None, "t" * 2000):
        made = urls(token)
        text = render(LAUNCH, made, 1800, SHA).decode()
        head = text.partition("S=${")[0] + 'printf "%s\\n" "$RUNNER" "$DIR" "$FAIL" "$L" "$SHA"\n'
        shown = subprocess.run(["sh", "-c", head], capture_output=True, text=True, check=True)
        expected = [made.runner, made.directory, made.fail, LAUNCH, SHA]
        assert shown.stdout.split() == expected


def test_a_token_stands_once_per_signer() -> None:
    text = render(LAUNCH, urls("t" * 2000), 1800, SHA).decode()
    assert text.count("t" * 2000) == 2


def test_long_tokens_still_fit_into_user_data() -> None:
    text = user_data(LAUNCH, urls("t" * 3900), 1800, SHA)
    assert base64.b64decode(text).startswith(b"#!/bin/sh\n")


def test_what_does_not_fit_is_refused_without_its_content() -> None:
    with pytest.raises(UserDataTooLargeError, match=LAUNCH) as caught:
        user_data(LAUNCH, urls("t" * 9000), 1800, SHA)
    assert "ttt" not in str(caught.value)


def test_what_would_leave_its_shell_word_is_refused() -> None:
    with pytest.raises(ValueError, match="LAUNCH"):
        render("a'b", urls(), 1800, SHA)


def test_the_same_launch_gives_the_same_bytes() -> None:
    assert user_data(LAUNCH, urls("t"), 1800, SHA) == user_data(LAUNCH, urls("t"), 1800, SHA)


def test_no_placeholder_is_left() -> None:
    assert "@" not in render(LAUNCH, urls(), 1800, SHA).decode()


def test_the_runner_is_known_by_its_hash_and_small_enough() -> None:
    assert runner_sha256() == sha256(runner_source()).hexdigest()
    assert len(runner_source()) <= RUNNER_LIMIT
