"""`application`: what a task runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from batchcompute.api.base import ApiModel, Exclusive
from batchcompute.api.refs import NameRef
from batchcompute.api.types import ATOMIC, Path

Command = Annotated[str, Field(min_length=1, max_length=16_384)]

COMMANDS = Exclusive(("command", "commands"), required=True)


class Docker(ApiModel):
    """Run the command in a container of this image."""

    MERGED = True

    image: str = Field(min_length=1, max_length=512, description="Image reference, with tag.")
    server: str | None = Field(
        default=None, min_length=1, max_length=253, description="Registry. Default: Docker Hub."
    )
    credentials_secret_ref: NameRef | None = Field(
        default=None,
        description="Secret with the registry's login: kubernetes.io/dockerconfigjson, or keys "
        "username and password.",
    )
    pull_retries: int = Field(
        default=0, ge=0, le=10, description="Retries of a failed pull. Default 0."
    )
    pull_retry_delay_seconds: int | None = Field(
        default=None, ge=1, le=360, description="Seconds between two pulls."
    )
    run_options: str | None = Field(
        default=None, max_length=4_096, description="Further options of docker run, e.g. -u root."
    )


class Application(ApiModel):
    """A command line, where it is delivered from, and in what it runs."""

    MERGED = True
    EXCLUSIVE = (COMMANDS,)

    command: Command | None = Field(
        default=None, description="Shell command line that every instance runs."
    )
    commands: tuple[Command, ...] = Field(
        default=(),
        max_length=500,
        description="Tightly coupled: entry i is the command line of instance i; all start "
        "together.",
        json_schema_extra=ATOMIC,
    )
    package: Path | None = Field(
        default=None,
        description="Archive (.tgz) at cos://bucket/key or an http(s) URL, unpacked into the "
        "working directory.",
    )
    docker: Docker | None = Field(default=None, description="Run in a container.")
