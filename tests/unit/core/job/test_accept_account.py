"""Acceptance of a job with credentials of its own, and of variables from Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from batchcompute.api.job import Job
from batchcompute.core.job.accept import merged_tasks, secret_names
from batchcompute.core.job.acceptance import SecretView
from batchcompute.settings import Permission
from batchcompute.vocabulary import Reason
from tests.unit.core.job.acceptance_cases import (
    COMPUTE,
    KEY_PAIR,
    MISSING,
    copy,
    grade,
    job,
    judge,
    rules,
    task,
)

Json = dict[str, Any]

REF: Json = {"credentialsSecretRef": {"name": "tencent"}}
TOKEN = SecretView(KEY_PAIR.keys | {"token"})

ACCOUNTS: dict[str, tuple[Job, SecretView | None, Reason | None]] = {
    "its Secret is not there": (job(**REF), None, Reason.SECRET_NOT_FOUND),
    "its Secret lacks a key": (
        job(**REF),
        SecretView(frozenset({"secretId"})),
        Reason.SECRET_INVALID,
    ),
    "its Secret serves": (job(**REF), KEY_PAIR, None),
    "another account has no workspace": (
        job(**REF),
        SecretView(KEY_PAIR.keys, app_id="1259999999"),
        Reason.WORKSPACE_MISSING,
    ),
    "a token alone serves no path": (
        job(copy(), **REF),
        TOKEN,
        Reason.CREDENTIALS_NOT_DELEGABLE,
    ),
    "a token serves a job without paths": (job(**REF), TOKEN, None),
    "a token with a role serves paths": (
        job(copy(), **REF),
        SecretView(TOKEN.keys | {"roleArn"}),
        None,
    ),
    "a CAM role serves the paths": (
        job({**copy(), "compute": {**COMPUTE, "camRoleName": "Reader"}}, **REF),
        TOKEN,
        None,
    ),
}


@pytest.mark.parametrize(("subject", "secret", "reason"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_a_job_with_credentials_of_its_own(
    subject: Job, secret: SecretView | None, reason: Reason | None
) -> None:
    nobody = rules(Permission(namespaces=("other",)))
    answer = judge(subject, by=nobody, secrets={"tencent": secret})
    assert (answer.refusal and answer.refusal.reason) == reason


def secret_env(*, optional: bool = False) -> Json:
    ref = {"name": "s", "key": "k", "optional": optional}
    return task(env=[{"name": "T", "valueFrom": {"secretKeyRef": ref}}])


SECRETS: dict[str, tuple[Json, SecretView | None, str | None]] = {
    "the Secret is there": (secret_env(), SecretView(frozenset({"k"})), None),
    "no Secret": (
        secret_env(),
        None,
        'task "a": env: there is no Secret "s": create it',
    ),
    "no such key": (
        secret_env(),
        SecretView(frozenset({"x"})),
        'task "a": env: Secret "s" has no key k: add it',
    ),
    "no Secret, and it may be missing": (secret_env(optional=True), None, None),
}


@pytest.mark.parametrize(("own", "secret", "message"), SECRETS.values(), ids=SECRETS)
def test_a_variable_from_a_secret(
    own: Json, secret: SecretView | None, message: str | None
) -> None:
    answer = judge(job(own), secrets={"s": secret})
    if message is None:
        assert answer.accepted
    else:
        assert answer.refusal
        assert (answer.refusal.message, grade(answer)) == (message, MISSING)


def test_the_secrets_to_read_are_known_before_acceptance() -> None:
    subject = job(secret_env(), task("b", env=secret_env(optional=True)["env"]), **REF)
    assert secret_names(subject, merged_tasks(subject, {})) == {"s", "tencent"}
