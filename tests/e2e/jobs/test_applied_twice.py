"""The same file twice: no generation, no write, no call."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.support.site import GROUP, Object, Site, command, job_manifest

WRITES = {"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}
COUNTED = {"jobs", "taskinstances", "controllerrevisions", "secrets", "events"}
REQUEST = re.compile(r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<count>\S+)$", re.M)


def writes(site: Site) -> Counter[str]:
    """Successful writes so far, as `VERB resource/subresource`."""
    found: Counter[str] = Counter()
    for match in REQUEST.finditer(site.metrics()):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match["labels"]))
        if labels["verb"] in WRITES and labels["resource"] in COUNTED:
            what = "/".join(filter(None, (labels["resource"], labels["subresource"])))
            found[f"{labels['verb']} {what}"] += int(float(match["count"]))
    return found


def versions(site: Site, namespace: str) -> dict[str, tuple[str, int]]:
    """resourceVersion and generation of everything that a job consists of."""
    paths = [f"{GROUP}/namespaces/{namespace}/{kind}" for kind in ("jobs", "taskinstances")]
    paths.append(f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions")
    found = {}
    for path in paths:
        listed = site.get(path)
        assert listed is not None
        for one in listed["items"]:
            meta = one["metadata"]
            key = f"{path}/{meta['name']}"
            found[key] = (meta["resourceVersion"], meta.get("generation", 0))
    return found


@pytest.fixture(scope="module")
def manifest(site: Site, namespace: str) -> Object:
    """A job that has run."""
    whole = job_manifest(namespace, "same", command("work", "sleep 4.5"), description="once")
    site.apply(whole)
    return whole


def test_a_live_job_takes_no_notice(manifest, site, namespace):
    site.until(lambda: site.launches(namespace), "its machine is asked for")
    assert "unchanged" in site.apply(manifest)
    assert site.job(namespace, "same")["metadata"]["generation"] == 1
    site.until_released(namespace, "same")
    assert len(site.launches(namespace)) == 1
    assert len(site.machines(namespace)) == 1


def test_a_finished_job_causes_no_write_and_no_call(manifest, site, namespace):
    site.until_released(namespace, "same")
    records = [name for name in site.secrets() if name.startswith("bc-ledger-0")]
    site.until(
        lambda: len([n for n in site.secrets() if n.startswith("bc-ledger-0")]) <= 2, str(records)
    )
    before, seen = writes(site), versions(site, namespace)
    last = max(call["seq"] for call in site.cloud.calls())
    assert "unchanged" in site.apply(manifest)
    # A job that is refused shows that the operator has looked at what came before it.
    marker = command("work", "true", dependsOn=[{"task": "other"}])
    other = command("other", "true", dependsOn=[{"task": "work"}])
    site.apply(job_manifest(namespace, "marker", marker, other))
    site.until_condition(namespace, "marker", "Accepted", "False")
    site.until(lambda: site.events(namespace, "marker"), "its event is written")
    made = writes(site) - before
    assert made == {"POST jobs": 1, "PATCH jobs/status": 1, "POST events": 1}
    now = versions(site, namespace)
    assert {key: value for key, value in now.items() if not key.endswith("/marker")} == seen
    assert site.cloud.calls(since=last) == []
