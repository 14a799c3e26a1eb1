"""What fields a request may have and of what types: a closed list, from the vendor's models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from .errors import ApiError

SCALARS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


@dataclass(frozen=True, slots=True)
class ServiceSchema:
    """One version of one service."""

    version: str
    actions: Mapping[str, str]
    not_imitated: frozenset[str]
    types: Mapping[str, Mapping[str, str]]

    def check(self, action: str, parameters: object) -> dict[str, object]:
        """Raises InvalidParameter or UnknownParameter, and else gives the parameters."""
        if not isinstance(parameters, dict):
            raise ApiError("InvalidRequest", "The request body is not a JSON object.")
        self._check_object(self.actions[action], parameters, "")
        return parameters

    def _check_object(self, kind: str, value: Mapping[str, object], path: str) -> None:
        known = self.types[kind]
        for name, item in value.items():
            if name not in known:
                raise ApiError("UnknownParameter", f"The parameter `{path}{name}` is not known.")
            if item is not None:
                self._check(known[name], item, f"{path}{name}")

    def _check(self, kind: str, value: object, path: str) -> None:
        if kind.startswith("["):
            if not isinstance(value, list):
                raise _wrong_type(path, "an array")
            for index, item in enumerate(value):
                self._check(kind[1:-1], item, f"{path}.{index}")
        elif kind in SCALARS:
            if not isinstance(value, SCALARS[kind]) or (kind != "bool" and isinstance(value, bool)):
                raise _wrong_type(path, kind)
        elif isinstance(value, dict):
            self._check_object(kind, value, f"{path}.")
        else:
            raise _wrong_type(path, "an object")


def _wrong_type(path: str, kind: str) -> ApiError:
    return ApiError("InvalidParameter", f"The value of the parameter `{path}` is not {kind}.")


def load() -> dict[str, ServiceSchema]:
    """The schema of each imitated service by its name."""
    table = json.loads(files(__package__).joinpath("schema.json").read_text(encoding="utf-8"))
    return {
        name: ServiceSchema(
            version=entry["version"],
            actions=entry["actions"],
            not_imitated=frozenset(entry["notImitated"]),
            types=entry["types"],
        )
        for name, entry in table.items()
    }
