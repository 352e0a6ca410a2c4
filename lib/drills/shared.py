"""What the scripts of a drill share. It is put in front of each that needs it."""

import boto3

RUNNING = ("pending", "initiating", "running")


def alarms_elsewhere(events):
    """Names of the alarms about other regions that ring, as seen from a watching region that is not faulted."""
    faulted = events["FaultedRegion"]
    watching = next(region for region in events["Watching"] if region != faulted)
    pages = boto3.client("cloudwatch", region_name=watching).get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=events["AlarmPrefix"], StateValue="ALARM"
    )
    names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
    return sorted(name for name in names if not name.endswith("-" + faulted))


def running(region, tags):
    """Ids of this deployment's experiments that have not ended in a region."""
    fis, found, more = boto3.client("fis", region_name=region), [], {}
    while True:
        page = fis.list_experiments(**more)
        for experiment in page["experiments"]:
            ours = all(experiment.get("tags", {}).get(key) == value for key, value in tags.items())
            if ours and experiment["state"]["status"] in RUNNING:
                found.append(experiment["id"])
        if "nextToken" not in page:
            return found
        more = {"nextToken": page["nextToken"]}
