"""CAM policies, version 2.0: who may do what to which resource."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


class MalformedPolicy(Exception):
    """The document is no policy of version 2.0, or uses what is not evaluated here."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; actions without their `name/` prefix."""

    allow: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def covers(self, action: str, resource: str) -> bool:
        return any(_matcher(a).fullmatch(action) for a in self.actions) and any(
            _resource_matches(r, resource) for r in self.resources
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Statements that are weighed together; a deny outweighs every allow.

    `bounds` are further policies that must each allow it as well: a temporary key may do what
    both its role's policy and the one it was asked for with allow.
    """

    statements: tuple[Statement, ...]
    bounds: tuple[Policy, ...] = ()

    @classmethod
    def parse(cls, document: str | bytes | Mapping[str, object]) -> Policy:
        """Reads a policy document; raises MalformedPolicy with the reason."""
        if isinstance(document, str | bytes):
            try:
                document = json.loads(document)
            except ValueError as error:
                raise MalformedPolicy("the policy is not JSON") from error
        if not isinstance(document, Mapping) or document.get("version") != "2.0":
            raise MalformedPolicy("the policy has no version 2.0")
        statements = document.get("statement")
        if isinstance(statements, Mapping):
            statements = [statements]
        if not isinstance(statements, list) or not statements:
            raise MalformedPolicy("the policy has no statement")
        return cls(tuple(_statement(item) for item in statements))

    def allows(self, action: str, resource: str) -> bool:
        """`action` as `cos:PutObject` or `name/cos:PutObject`, `resource` in six segments."""
        action = action.removeprefix("name/")
        covering = [s for s in self.statements if s.covers(action, resource)]
        if not covering or not all(s.allow for s in covering):
            return False
        return all(bound.allows(action, resource) for bound in self.bounds)

    def within(self, bound: Policy | None) -> Policy:
        """This policy, cut down to what `bound` allows too (None allows everything)."""
        if bound is None:
            return self
        return Policy(self.statements, (*self.bounds, bound))


def _statement(item: object) -> Statement:
    if not isinstance(item, Mapping):
        raise MalformedPolicy("a statement is not an object")
    unknown = set(item) - {"sid", "effect", "action", "resource", "principal"}
    if unknown:
        raise MalformedPolicy(f"a statement has {', '.join(sorted(unknown))}: not evaluated here")
    effect = item.get("effect")
    if effect not in ("allow", "deny"):
        raise MalformedPolicy("a statement's effect is neither allow nor deny")
    actions = tuple(a.removeprefix("name/") for a in _strings(item, "action"))
    return Statement(effect == "allow", actions, _strings(item, "resource"))


def _strings(item: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = item.get(name)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise MalformedPolicy(f"a statement has no {name}")
    return tuple(values)


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def _resource_matches(pattern: str, resource: str) -> bool:
    """`qcs:project:service:region:account:resource`; an empty segment of the pattern is any."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), resource.split(":", 5)
    if len(wanted) != 6 or len(given) != 6:
        return bool(_matcher(pattern).fullmatch(resource))
    return all(w == "" or _matcher(w).fullmatch(g) for w, g in zip(wanted, given, strict=True))
