"""Merge a TaskTemplate with what a job's task sets (api.md, Merge), on JSON objects.

Objects are merged member by member, `env` by name, every other list is replaced as a whole (`[]`
clears it). Of fields that exclude each other the one that the job's task sets removes the
template's others. `null` removes nothing. Defaults come after the merge, by `ResolvedTask`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from batchcompute.api.base import ApiModel
from batchcompute.api.task import TaskFields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json = dict[str, Any]


def merge(template: Mapping[str, Any], own: Mapping[str, Any]) -> Json:
    """The task's fields: the template's, overridden by the job's own. Neither is changed."""
    return _object(TaskFields, template, own)


def _object(model: type[ApiModel], below: Mapping[str, Any], above: Mapping[str, Any]) -> Json:
    own = {name: value for name, value in above.items() if value is not None}
    merged = {name: value for name, value in below.items() if value is not None}
    for group in model.exclusive():
        if any(name in own for name in group.fields):
            merged = {k: v for k, v in merged.items() if k in own or k not in group.fields}
    for name, value in own.items():
        merged[name] = _member(model, name, merged.get(name), value)
    for group in model.exclusive():
        for name in group.fields:
            if merged.get(name) == []:
                del merged[name]
    return merged


def _member(model: type[ApiModel], name: str, below: Any, own: Any) -> Any:
    if name == "env" and model is TaskFields:
        return _by_name(below or [], own)
    block = _blocks(model).get(name)
    if block is not None and isinstance(own, dict):
        return _object(block, below if isinstance(below, dict) else {}, own)
    return own


def _by_name(below: list[Json], own: list[Json]) -> list[Json]:
    """The template's order; an entry of the same name is replaced as a whole, others follow."""
    entries = {entry["name"]: entry for entry in below}
    entries.update((entry["name"], entry) for entry in own)
    return list(entries.values())


@cache
def _blocks(model: type[ApiModel]) -> dict[str, type[ApiModel]]:
    """JSON name -> model, of the members that are one object."""
    return {
        field.alias or name: block
        for name, field in model.model_fields.items()
        if (block := _block(field.annotation)) is not None
    }


def _block(annotation: Any) -> type[ApiModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, ApiModel):
            return candidate if candidate is annotation or _optional(annotation) else None
    return None


def _optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def contradictions(
    body: Mapping[str, Any], model: type[ApiModel] = TaskFields, path: str = ""
) -> Iterator[tuple[str, str]]:
    """Path and sentence of every group of exclusive fields that has none or several set."""
    for group in model.exclusive():
        present = [name for name in group.fields if name in body]
        if len(present) > 1:
            yield path + present[0], f"{_joined(path, present)} exclude each other: keep one"
        elif group.required and not present:
            yield path + group.fields[0], f"none of {_joined(path, group.fields)} is set: set one"
    for name, block in _blocks(model).items():
        if isinstance(below := body.get(name), dict):
            yield from contradictions(below, block, f"{path}{name}.")


def _joined(path: str, names: Sequence[str]) -> str:
    full = [path + name for name in names]
    return f"{', '.join(full[:-1])} and {full[-1]}"
