"""Where the stack of this clone keeps what it runs with."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ROOT / ".run"
CRDS = ROOT / "crds"
INSTALL = ROOT / "manifests" / "install"
DEMO_JOB = ROOT / "manifests" / "demo" / "job.yaml"
