"""The account's keys and roles: the same roles everywhere, keys of its own in each state folder."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from . import catalogue
from .account import ALPHANUMERIC, Account, Policy, Principal, Role

OPERATOR = "operator"
USER = "user"


def load_keys(state_dir: Path, rng: random.Random) -> dict[str, tuple[str, str]]:
    """Name -> (secret id, secret key); made at the first start and kept in `keys.json`."""
    path = state_dir / "keys.json"
    if path.exists():
        return {name: (pair[0], pair[1]) for name, pair in json.loads(path.read_text()).items()}
    keys = {name: (_id(rng), _letters(rng, 32)) for name in (OPERATOR, USER)}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(keys, file)
    return keys


def build_account(keys: dict[str, tuple[str, str]], rng: random.Random) -> Account:
    """The operator's key may do everything; the ordinary user's uses one bucket and looks."""
    operator = _user(keys[OPERATOR], catalogue.OPERATOR_UIN, None)
    user = _user(keys[USER], catalogue.USER_UIN, Policy.parse(USER_POLICY))
    return Account(
        app_id=catalogue.APP_ID,
        uin=catalogue.UIN,
        rng=rng,
        keys={key.secret_id: key for key in (operator, user)},
        roles={role.name: role for role in _roles()},
    )


def _statements(*statements: tuple[list[str], list[str]]) -> dict[str, object]:
    return {
        "version": "2.0",
        "statement": [
            {"effect": "allow", "action": actions, "resource": resources}
            for actions, resources in statements
        ],
    }


def _objects(bucket: str) -> str:
    return f"qcs::cos:{catalogue.HOME_REGION}:uid/{catalogue.APP_ID}:{bucket}/*"


USER_POLICY = _statements(
    (["name/cos:*"], [_objects(catalogue.DATA_BUCKET)]),
    (["cvm:Describe*"], ["*"]),
)
READ_WRITE = [
    "name/cos:GetObject", "name/cos:HeadObject", "name/cos:GetBucket", "name/cos:HeadBucket",
    "name/cos:PutObject", "name/cos:PostObject", "name/cos:DeleteObject",
    "name/cos:InitiateMultipartUpload", "name/cos:UploadPart", "name/cos:CompleteMultipartUpload",
    "name/cos:AbortMultipartUpload", "name/cos:ListParts", "name/cos:ListMultipartUploads",
]  # fmt: skip


def _roles() -> list[Role]:
    workspace = _objects(catalogue.WORKSPACE_BUCKET)
    put = _statements((["name/cos:PutObject"], [workspace]))
    get = _statements((["name/cos:GetObject"], [workspace]))
    data = _statements((READ_WRITE, ["*"]))
    return [
        Role("BatchComputePut", Policy.parse(put)),
        Role("BatchComputeGet", Policy.parse(get)),
        Role("BatchComputeData", Policy.parse(data)),
        Role("BatchComputeNode", Policy.parse(data), assumable=False, for_instances=True),
    ]


def _user(key: tuple[str, str], uin: str, policy: Policy | None) -> Principal:
    arn = f"qcs::cam::uin/{catalogue.UIN}:uin/{uin}"
    return Principal(key[0], key[1], arn, policy, user_id=uin)


def _id(rng: random.Random) -> str:
    return "AKID" + _letters(rng, 32)


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(ALPHANUMERIC, k=count))
