"""What the models of all kinds share: naming, CEL rules, fields that exclude each other.

The models describe objects *as the operator uses them*: required means required once a template
was merged in, and defaults are those of the contract. `crdgen` turns them into CRDs; where a merge
still follows (inside `tasks[]` and `TaskTemplate.spec.task`) it leaves defaults, and what only the
merge can require, out of the schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

VALIDATIONS = "x-kubernetes-validations"
MERGED = "x-batchcompute-merged"
REQUIRED_GROUPS = "x-batchcompute-required-groups"


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule. `message` names the field and the mend; `field` is a path below the model."""

    cel: str
    message: str
    field: str | None = None

    def as_validation(self) -> dict[str, str]:
        validation = {"rule": self.cel, "message": self.message}
        if self.field is not None:
            validation["fieldPath"] = f".{self.field}"
        return validation


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Fields (JSON names) of which at most one may be set.

    The CRD's rule, the merge (the job's choice removes the template's others) and the check after
    the merge all read this one declaration. `required`: one of them must be set after the merge.
    """

    fields: tuple[str, ...]
    required: bool = False

    @property
    def names(self) -> str:
        return f"{', '.join(self.fields[:-1])} and {self.fields[-1]}"

    def as_rule(self) -> Rule:
        return Rule(_at_most_one(self.fields), f"{self.names} exclude each other: keep one")

    def as_required(self) -> Rule:
        """The rule that one is set, for where no merge follows."""
        cel = " || ".join(f"has(self.{name})" for name in self.fields)
        return Rule(cel, f"none of {self.names} is set: set one")


def _at_most_one(names: tuple[str, ...]) -> str:
    """As few `has()` as can be: each costs the API server 10 to 20 us, at every status write."""
    first, *others = (f"has(self.{name})" for name in names)
    none = " && ".join(f"!{other}" for other in others)
    if len(others) == 1:
        return f"!{first} || {none}"
    return f"{first} ? {none} : ({_at_most_one(names[1:])})"


class ApiModel(BaseModel):
    """Base of every block: immutable, camelCase in JSON, unknown fields dropped.

    The API server has already refused what is wrong; a `ValidationError` here means an object that
    was stored before a bound was set.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=False,
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()
    EXCLUSIVE: ClassVar[tuple[Exclusive, ...]] = ()
    MERGED: ClassVar[bool] = False
    """True: a template's object of this type is merged member by member."""
    MERGE_KEYS: ClassVar[tuple[str, ...]] = ()
    """Fields that no template can bring."""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Read a JSON object. Raises `pydantic.ValidationError`."""
        return cls.model_validate(raw)

    @classmethod
    def rules(cls) -> Iterator[Rule]:
        """Rules of the class and of those that it extends, base first."""
        for owner in reversed(cls.__mro__):
            own = vars(owner)
            yield from (group.as_rule() for group in own.get("EXCLUSIVE", ()))
            yield from own.get("RULES", ())

    @classmethod
    def exclusive(cls) -> Iterator[Exclusive]:
        """Groups of fields that exclude each other, of the class and of those it extends."""
        for owner in reversed(cls.__mro__):
            yield from vars(owner).get("EXCLUSIVE", ())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        if rules := [rule.as_validation() for rule in cls.rules()]:
            schema[VALIDATIONS] = rules
        schema[REQUIRED_GROUPS] = [
            group.as_required().as_validation() for group in cls.exclusive() if group.required
        ]
        if cls.MERGED:
            schema[MERGED] = list(cls.MERGE_KEYS)
        return reference


def immutable(name: str, kind: str) -> Rule:
    """An optional field of `spec` that may be neither changed, added nor removed."""
    return Rule(
        f"has(self.{name}) == has(oldSelf.{name})"
        f" && (!has(self.{name}) || self.{name} == oldSelf.{name})",
        f"{name} is immutable: leave it as it was, or create a {kind} of another name",
        field=name,
    )
