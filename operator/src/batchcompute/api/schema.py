"""From a pydantic model to the structural schema that a CRD may hold.

pydantic's JSON Schema uses what a CRD refuses (`$ref`, `anyOf` with null, `const`, typed numeric
exclusive bounds). This pass inlines references, takes nulls out (absent, not null, is how an
optional field says nothing), and adds the markers of server-side apply.

`Context` says what is still to come: where a template will be merged in, neither defaults nor what
only the merge can require belong in the schema, and every object is owned as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from batchcompute.api.base import MERGED, REQUIRED_GROUPS, VALIDATIONS, ApiModel

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

_DEFINITIONS = "$defs"
_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    VALIDATIONS,
)


@dataclass(frozen=True, slots=True)
class Context:
    """Where in an object the schema stands.

    `merged`: a template is merged in later. `items_merged`: into the items of the list that comes
    next. `in_list`: below a list, which a merge replaces as a whole. `defaults`: whether defaults
    are written at all (not in status).
    """

    merged: bool = False
    items_merged: bool = False
    in_list: bool = False
    defaults: bool = True


class SchemaError(Exception):
    """A model uses something that a CRD cannot say, or leaves something unbounded."""


def structural(
    model: type[ApiModel], context: Context, merged_below: Mapping[str, Context]
) -> Schema:
    """Schema of a model. `merged_below`: property names at which another context begins."""
    raw = model.model_json_schema(by_alias=True)
    converter = _Converter(raw.get(_DEFINITIONS, {}), merged_below)
    return converter.convert(raw, context, model.__name__)


@dataclass(frozen=True, slots=True)
class _Converter:
    definitions: Mapping[str, Schema]
    merged_below: Mapping[str, Context]

    def convert(self, raw: Schema, context: Context, path: str) -> Schema:
        node = self._inline(raw)
        schema = {key: node[key] for key in _KEPT if key in node}
        if "const" in node:
            schema["enum"] = [node["const"]]
        for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if bound in schema:
                schema[limit], schema[bound] = schema[bound], True
        match schema.get("type"):
            case "object":
                self._object(node, schema, context, path)
            case "array":
                self._array(node, schema, context, path)
            case "string" | "integer" | "boolean":
                pass
            case other:
                raise SchemaError(f"{path}: a CRD has no type {other}")
        if context.defaults and not context.merged and _has_default(node, schema):
            schema["default"] = node["default"]
        return schema

    def _inline(self, raw: Schema) -> Schema:
        """The node itself, its siblings before what a reference or an optional brings."""
        own = dict(raw)
        target: Schema | None = None
        if "$ref" in own:
            target = self.definitions[own.pop("$ref").rsplit("/", 1)[1]]
        elif "anyOf" in own:
            choices = [choice for choice in own.pop("anyOf") if choice != {"type": "null"}]
            if len(choices) != 1:
                raise SchemaError(f"a CRD has no union: {raw}")
            target = choices[0]
        if target is None:
            return own
        below = self._inline(target)
        rules = [*below.get(VALIDATIONS, []), *own.get(VALIDATIONS, [])]
        merged = {**below, **own}
        if rules:
            merged[VALIDATIONS] = rules
        return merged

    def _object(self, node: Schema, schema: Schema, context: Context, path: str) -> None:
        properties = node.get("properties")
        if properties is None:
            schema["additionalProperties"] = self.convert(
                node["additionalProperties"], replace(context, in_list=True), f"{path}.*"
            )
            return
        schema["properties"] = {
            name: self.convert(value, self.merged_below.get(name, context), f"{path}.{name}")
            for name, value in properties.items()
        }
        required = node.get("required", [])
        if context.merged and not context.in_list and MERGED in node:
            required = node[MERGED]
        elif groups := node.get(REQUIRED_GROUPS):
            schema[VALIDATIONS] = [*schema.get(VALIDATIONS, []), *groups]
        if required:
            schema["required"] = required
        if context.merged:
            schema["x-kubernetes-map-type"] = "atomic"

    def _array(self, node: Schema, schema: Schema, context: Context, path: str) -> None:
        if "maxItems" not in schema or "x-kubernetes-list-type" not in schema:
            raise SchemaError(f"{path}: a list needs a bound and a list type")
        below = replace(context, in_list=not context.items_merged, items_merged=False)
        schema["items"] = self.convert(node["items"], below, f"{path}[]")


def _has_default(node: Schema, schema: Schema) -> bool:
    """Lists and objects have none: an empty one would count as set for every `has()`."""
    return node.get("default") is not None and schema["type"] not in ("array", "object")
