"""Lifecycle rules: when objects expire and unfinished uploads are dropped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .errors import CosError
from .xmldoc import parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DAY = 86400.0
MAX_RULES = 1000
_RULE_FIELDS = frozenset(
    {"ID", "Status", "Filter", "Prefix", "Expiration", "AbortIncompleteMultipartUpload"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `days` and `abort_days` count from the object's or upload's time."""

    id: str
    enabled: bool
    prefix: str
    days: int | None = None
    date: float | None = None
    abort_days: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rules and the document they came in, which GET gives back."""

    document: bytes
    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, document: bytes) -> Lifecycle:
        """Raises CosError MalformedXML, or NotImplemented for what would have no effect."""
        tree = parse(document, "LifecycleConfiguration")
        rules = tuple(_rule(node) for node in tree.findall("Rule"))
        if not 0 < len(rules) <= MAX_RULES or any(node.tag != "Rule" for node in tree):
            raise CosError("MalformedXML")
        if len({rule.id for rule in rules if rule.id}) < sum(bool(rule.id) for rule in rules):
            raise CosError("InvalidArgument", "Two rules have the same ID.")
        return cls(document, rules)

    def expired(self, key: str, modified: float, now: float) -> bool:
        return any(
            (rule.days is not None and now >= modified + rule.days * DAY)
            or (rule.date is not None and now >= rule.date)
            for rule in self._for(key)
        )

    def abandoned(self, key: str, initiated: float, now: float) -> bool:
        return any(
            rule.abort_days is not None and now >= initiated + rule.abort_days * DAY
            for rule in self._for(key)
        )

    def _for(self, key: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.enabled and key.startswith(rule.prefix)]


def _rule(node: Element) -> Rule:
    for child in node:
        if child.tag not in _RULE_FIELDS:
            raise CosError("NotImplemented", f"{child.tag} in a lifecycle rule is not emulated.")
    status = node.findtext("Status")
    if status not in ("Enabled", "Disabled"):
        raise CosError("MalformedXML")
    days, date = _days(node, "Expiration/Days"), _date(node)
    abort_days = _days(node, "AbortIncompleteMultipartUpload/DaysAfterInitiation")
    if days is None and date is None and abort_days is None:
        raise CosError("MalformedXML")
    enabled = status == "Enabled"
    return Rule(node.findtext("ID") or "", enabled, _prefix(node), days, date, abort_days)


def _prefix(node: Element) -> str:
    if any(child.tag != "Prefix" for child in node.iterfind("Filter/*")):
        raise CosError("NotImplemented", "Only a Prefix in a lifecycle filter is emulated.")
    return node.findtext("Filter/Prefix") or node.findtext("Prefix") or ""


def _days(node: Element, path: str) -> int | None:
    text = node.findtext(path)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise CosError("InvalidArgument", f"{path} is not a positive number.")
    return int(text)


def _date(node: Element) -> float | None:
    text = node.findtext("Expiration/Date")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise CosError("InvalidArgument", "Expiration/Date is no date.") from error
