"""The dispatch table: service and action to what does it."""

from __future__ import annotations

from collections.abc import Mapping

from . import cvm_catalogue, cvm_describe, cvm_run, cvm_terminate, sts
from .dispatch import Handler

HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "cvm": {
        "DescribeImages": cvm_catalogue.describe_images,
        "DescribeInstanceTypeConfigs": cvm_catalogue.describe_instance_type_configs,
        "DescribeInstances": cvm_describe.describe_instances,
        "DescribeInstancesAttributes": cvm_describe.describe_instances_attributes,
        "DescribeInstancesStatus": cvm_describe.describe_instances_status,
        "DescribeRegions": cvm_catalogue.describe_regions,
        "DescribeZones": cvm_catalogue.describe_zones,
        "RunInstances": cvm_run.run_instances,
        "TerminateInstances": cvm_terminate.terminate_instances,
    },
    "sts": {
        "AssumeRole": sts.assume_role,
        "GetCallerIdentity": sts.get_caller_identity,
        "GetFederationToken": sts.get_federation_token,
    },
}
