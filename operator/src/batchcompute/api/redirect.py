"""`redirect`: where stdout and stderr go besides the workspace."""

from __future__ import annotations

from pydantic import Field

from batchcompute.api.base import ApiModel
from batchcompute.api.refs import NameRef
from batchcompute.api.types import FileName, Path

PLACEHOLDERS = (
    "Placeholders: ${BATCH_JOB_ID} ${BATCH_TASK_NAME} ${BATCH_TASK_INSTANCE_INDEX} "
    "${BATCH_TASK_ATTEMPT}."
)


class Redirect(ApiModel):
    """Where one stream goes; every attempt's own log stays in the workspace in any case."""

    MERGED = True

    remote: Path | None = Field(
        default=None,
        description="COS directory, cos://.../, that the latest attempt's log goes to.",
    )
    file_name: FileName | None = Field(
        default=None,
        description="Name of the object. Default <stream>.<BATCH_JOB_ID>.<task>.<index>.log. "
        + PLACEHOLDERS,
    )
    local: Path | None = Field(default=None, description="Local directory of a copy.")
    local_file_name: FileName | None = Field(
        default=None, description="Name of the local copy. " + PLACEHOLDERS
    )
    credentials_secret_ref: NameRef | None = Field(
        default=None, description="Secret with keys for this path. Default: those of the job."
    )


class Redirects(ApiModel):
    """Both streams."""

    MERGED = True

    stdout: Redirect | None = Field(default=None, description="Where stdout goes.")
    stderr: Redirect | None = Field(default=None, description="Where stderr goes.")
