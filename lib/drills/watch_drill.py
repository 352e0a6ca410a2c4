"""Watches a drill until it ends, and ends it when another region is hurt. Runs in SSM Automation (aws:executeScript)."""

import time

import boto3

# A step of SSM Automation ends after 600 s. What is left is for the last look and the stop.
WATCHED_S = 560
INTERVAL_S = 10
ENDED = ("completed", "stopped", "failed", "cancelled")


def handler(events, context):
    """Waits for the experiment's end. The fault never outlives this step: what still runs then is stopped."""
    region, experiment = events["FaultedRegion"], events["Experiment"]
    fis = boto3.client("fis", region_name=region)
    hurt = []
    deadline = time.monotonic() + WATCHED_S
    while True:
        state = fis.get_experiment(id=experiment)["experiment"]["state"]
        if state["status"] in ENDED:
            return {"Status": state["status"], "Reason": state.get("reason", ""), "Hurt": hurt}
        if not hurt:
            hurt = alarms_elsewhere(events)
            if hurt:
                fis.stop_experiment(id=experiment)
        if time.monotonic() > deadline:
            fis.stop_experiment(id=experiment)
            return {"Status": "overrun", "Reason": f"not ended after {WATCHED_S} s, stopped", "Hurt": hurt}
        time.sleep(INTERVAL_S)
