"""Ends every drill on a region, whoever started it. Runs in SSM Automation (aws:executeScript)."""

import boto3


def handler(events, context):
    """Presses the stop button first, which needs no experiment's id, then stops by id what still runs."""
    region = events["FaultedRegion"]
    boto3.client("cloudwatch", region_name=region).put_metric_data(
        Namespace=events["Namespace"], MetricData=[{"MetricName": events["Metric"], "Value": 1}]
    )
    fis, stopped = boto3.client("fis", region_name=region), running(region, events["Tags"])
    for experiment in stopped:
        fis.stop_experiment(id=experiment)
    return {"Stopped": stopped}
