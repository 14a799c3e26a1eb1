"""The URLs in a machine's user data: what its shell would read."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ASSIGNMENT = re.compile(r"^(L|SHA|GT|PT|RUNNER|DIR|FAIL)='([^']*)'(\$GT|\$PT)?$", re.MULTILINE)


@dataclass(frozen=True)
class Boot:
    """A launch and where its runner and its directory lie."""

    launch: str
    runner_sha256: str
    runner: str
    directory: str


def parse(user_data: bytes) -> Boot:
    """Raises ValueError when the script is not a boot script."""
    values: dict[str, str] = {}
    for name, value, token in _ASSIGNMENT.findall(user_data.decode()):
        values[name] = value + (values[token[1:]] if token else "")
    try:
        return Boot(values["L"], values["SHA"], values["RUNNER"], values["DIR"])
    except KeyError as missing:
        raise ValueError(f"user data without {missing}") from None
