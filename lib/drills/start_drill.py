"""Starts a drill on another region. Runs in SSM Automation (aws:executeScript), from the routing region."""

import time

import boto3


def handler(events, context):
    """Refuses what is not safe to start, finds the drill's template in the faulted region and starts an experiment."""
    region, tags = events["FaultedRegion"], events["Tags"]
    if region == events["OwnRegion"]:
        raise Exception(f"refused: this automation runs in {region} itself; start it outside of the faulted region")
    ringing = alarms_elsewhere(events)
    if ringing:
        raise Exception(f"refused: not steady before the drill, in alarm: {', '.join(ringing)}")
    under_way = others(events)
    if under_way:
        raise Exception(f"refused: another drill is under way: {', '.join(under_way)}")
    fis = boto3.client("fis", region_name=region)
    template = boto3.client("ssm", region_name=region).get_parameter(Name=events["Parameter"])["Parameter"]["Value"]
    started = fis.start_experiment(
        clientToken=events["Execution"],
        experimentTemplateId=template,
        tags={**tags, "aegis:drill": events["Drill"], "aegis:execution": events["Execution"]},
    )["experiment"]["id"]
    # Two that were started in the same moment have not seen each other before. Both give way: never are two regions faulted.
    under_way = [experiment for experiment in others(events) if experiment != started]
    if under_way:
        fis.stop_experiment(id=started)
        raise Exception(f"refused: another drill was started in the same moment: {', '.join(under_way)}")
    return {"Experiment": started, "StartedAt": str(int(time.time()))}


def others(events):
    """Drills of this deployment that are under way anywhere."""
    return [experiment for region in events["Regions"] for experiment in running(region, events["Tags"])]
