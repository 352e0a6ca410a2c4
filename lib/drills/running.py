"""Finds drills that are under way. It is put in front of each script that needs it."""

import boto3

RUNNING = ("pending", "initiating", "running")


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
