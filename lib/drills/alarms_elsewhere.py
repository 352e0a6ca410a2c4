"""Looks at the regions that are not faulted. It is put in front of each script that needs it."""

import boto3


def alarms_elsewhere(events):
    """Names of the alarms about other regions that ring, as seen from a watching region that is not faulted."""
    faulted = events["FaultedRegion"]
    watching = next(region for region in events["Watching"] if region != faulted)
    pages = boto3.client("cloudwatch", region_name=watching).get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=events["AlarmPrefix"], StateValue="ALARM"
    )
    names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
    return sorted(name for name in names if not name.endswith("-" + faulted))
