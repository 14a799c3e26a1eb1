"""The account: its keys, its roles, and the temporary keys made from them."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from .policy import MalformedPolicy, Policy

__all__ = [
    "Account",
    "BadToken",
    "ExpiredKey",
    "MalformedPolicy",
    "Policy",
    "Principal",
    "Role",
    "UnknownKey",
]

ALPHANUMERIC = string.ascii_letters + string.digits


class UnknownKey(Exception):
    """There is no such secret id."""


class BadToken(Exception):
    """The token is missing, wrong, or given with a permanent key."""


class ExpiredKey(Exception):
    """The temporary key's time is over."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who signed. `policy` None may do everything. `temporary` keys have a token and an end."""

    secret_id: str
    secret_key: str = field(repr=False)
    arn: str
    policy: Policy | None = None
    token: str | None = field(default=None, repr=False)
    expires: float | None = None
    user_id: str = ""
    type: str = "SubAccount"  # as GetCallerIdentity tells it

    @property
    def temporary(self) -> bool:
        return self.token is not None

    def may(self, action: str, resource: str) -> bool:
        """`action` as `cos:PutObject`, `resource` as `qcs::cos:region:uid/appid:bucket/key`."""
        return self.policy is None or self.policy.allows(action, resource)


@dataclass(frozen=True, slots=True)
class Role:
    """A role; `assumable` by a key of the account, `carrier` cvm.qcloud.com by an instance."""

    name: str
    policy: Policy
    assumable: bool = True
    for_instances: bool = False


class Account:
    """Keys and roles of one account. `rng` makes the temporary keys."""

    def __init__(
        self,
        app_id: str,
        uin: str,
        rng: random.Random,
        keys: Mapping[str, Principal],
        roles: Mapping[str, Role],
    ) -> None:
        self.app_id = app_id
        self.uin = uin
        self.roles = dict(roles)
        self._rng = rng
        self._keys = dict(keys)
        self._temporary: dict[str, Principal] = {}

    def principal_for(self, secret_id: str, token: str | None, now: float) -> Principal:
        """The key's owner; raises UnknownKey, BadToken or ExpiredKey."""
        if permanent := self._keys.get(secret_id):
            if token:
                raise BadToken
            return permanent
        principal = self._temporary.get(secret_id)
        if principal is None or principal.expires is None:
            raise UnknownKey
        if token != principal.token:
            raise BadToken
        if now >= principal.expires:
            raise ExpiredKey
        return principal

    def role_arn(self, name: str) -> str:
        return f"qcs::cam::uin/{self.uin}:roleName/{name}"

    def assume(
        self, role: Role, session: str, policy: Policy | None, seconds: float, now: float
    ) -> Principal:
        """A temporary key with the role's policy, narrowed by `policy`."""
        arn = f"qcs::sts::uin/{self.uin}:assumed-role/{role.name}/{session}"
        narrowed = role.policy if policy is None else policy.within(role.policy)
        return self._temporary_key(arn, narrowed, now + seconds, now, "CAMRole")

    def federate(
        self, user: Principal, name: str, policy: Policy, seconds: float, now: float
    ) -> Principal:
        """A temporary key that may do what `policy` and the user's own policy allow."""
        arn = f"qcs::sts::uin/{self.uin}:federated-user/{name}"
        return self._temporary_key(
            arn, policy.within(user.policy), now + seconds, now, "SubAccount"
        )

    def forget_temporary(self) -> None:
        """Revokes every temporary key."""
        self._temporary.clear()

    def _temporary_key(
        self, arn: str, policy: Policy, expires: float, now: float, kind: str
    ) -> Principal:
        self._drop_long_expired(now)
        principal = Principal(
            secret_id="AKID" + self._letters(60),
            secret_key=self._letters(43) + "=",
            arn=arn,
            policy=policy,
            token=self._letters(180),
            expires=expires,
            user_id=self.uin,
            type=kind,
        )
        self._temporary[principal.secret_id] = principal
        return principal

    def _drop_long_expired(self, now: float) -> None:
        if len(self._temporary) >= 10_000:
            self._temporary = {
                k: p for k, p in self._temporary.items() if (p.expires or 0) > now - 3600
            }

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices(ALPHANUMERIC, k=count))
