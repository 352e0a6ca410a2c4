"""Records what a drill showed, where nobody can change it. Runs in SSM Automation (aws:executeScript)."""

import datetime
import json

import boto3


def handler(events, context):
    """Writes experiment, reason and every change of the watching alarms into the evidence bucket, then fails unless the drill was completed."""
    region, experiment = events["FaultedRegion"], events["Experiment"]
    started = datetime.datetime.fromtimestamp(int(events["StartedAt"]), datetime.timezone.utc)
    record = {
        "drill": events["Drill"],
        "faulted_region": region,
        "directed_from": events["OwnRegion"],
        "execution": events["Execution"],
        "asked_by": events["AskedBy"],
        "reason": events["Reason"],
        "started_at": started.isoformat(),
        "outcome": events["Status"],
        "why": events["Why"],
        "hurt": events["Hurt"],
        "experiment": boto3.client("fis", region_name=region).get_experiment(id=experiment)["experiment"],
        "alarms": {watching: changes(watching, events["AlarmPrefix"], started) for watching in events["Watching"] if watching != region},
    }
    key = f"{events['Drill']}/{region}/{started:%Y-%m-%dT%H-%M-%SZ}-{experiment}.json"
    boto3.client("s3").put_object(
        Bucket=events["Bucket"],
        Key=key,
        Body=json.dumps(record, default=str, indent=2).encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )
    if events["Status"] != "completed":
        raise Exception(f"drill {events['Drill']} on {region} was {events['Status']}: {events['Why']}; evidence: {key}")
    return {"Evidence": key}


def changes(region, prefix, since):
    """When which alarm changed its state: how long detection and recovery took, as seen from outside."""
    cloudwatch = boto3.client("cloudwatch", region_name=region)
    alarms = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    names = [alarm["AlarmName"] for page in alarms for alarm in page["MetricAlarms"]]
    found = []
    for name in names:
        history = cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName=name, HistoryItemType="StateUpdate", StartDate=since)
        found += [
            {"alarm": name, "at": item["Timestamp"].isoformat(), "what": item["HistorySummary"]}
            for page in history
            for item in page["AlarmHistoryItems"]
        ]
    return sorted(found, key=lambda change: change["at"])
