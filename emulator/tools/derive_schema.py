"""Writes api3/schema.json: the closed field lists of the actions that are imitated.

They are read from the request models of the vendor's own SDK, which only this script needs:
`python emulator/tools/derive_schema.py`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "src/tencentcloud_emulator/api3/schema.json"
SERVICES = {
    "cvm": (
        "2017-03-12",
        "tencentcloud.cvm.v20170312",
        [
            "DescribeImages", "DescribeInstanceTypeConfigs", "DescribeInstances",
            "DescribeInstancesAttributes", "DescribeInstancesStatus", "DescribeRegions",
            "DescribeZones", "RunInstances", "TerminateInstances",
        ],
    ),
    "sts": (
        "2018-08-13",
        "tencentcloud.sts.v20180813",
        ["AssumeRole", "GetCallerIdentity", "GetFederationToken"],
    ),
}  # fmt: skip


def fields_of(model: type[Any]) -> dict[str, str]:
    """Field -> `str`, `int`, `float`, `bool`, a type's name, or one of these in brackets."""
    text = inspect.getdoc(model.__init__) or ""
    found: dict[str, str] = {}
    for name, kind in re.findall(r":type (\w+): (.+)", text):
        item = re.sub(r":class:`[\w.]*\.(\w+)`", r"\1", kind.strip())
        found[name] = f"[{item.removeprefix('list of ')}]" if item.startswith("list of ") else item
    return found


def with_types(models: Any, name: str, types: dict[str, dict[str, str]]) -> None:
    if name in types or not hasattr(models, name):
        return
    types[name] = fields_of(getattr(models, name))
    for kind in types[name].values():
        with_types(models, kind.strip("[]"), types)


def derived() -> str:
    """The table as it must be in the file."""
    schema = {}
    for service, (version, package, actions) in SERVICES.items():
        models = importlib.import_module(f"{package}.models")
        types: dict[str, dict[str, str]] = {}
        for action in actions:
            with_types(models, f"{action}Request", types)
        known = [n.removesuffix("Request") for n in dir(models) if n.endswith("Request")]
        schema[service] = {
            "version": version,
            "actions": {action: f"{action}Request" for action in actions},
            "notImitated": sorted(set(known) - set(actions)),
            "types": types,
        }
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(derived(), encoding="utf-8")
