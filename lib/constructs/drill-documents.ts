import { readFileSync } from 'node:fs'
import { CfnDocument } from 'aws-cdk-lib/aws-ssm'
import { Construct } from 'constructs'
import { DRILLS, drillNamespace, STOP_METRIC } from '../../config/drills.ts'
import { directorNames, drillParameterOf, watchNames } from '../../config/names.ts'
import { type Deployment, regionsOf, watchingRegions } from '../../config/schema.ts'

export interface DrillDocumentsProps {
  readonly deployment: Deployment
  /** ARN of the role that the automation takes. */
  readonly roleArn: string
}

/** SSM Automation gives a script ten minutes. */
const STEP_TIMEOUT_S = 600
const RUNTIME = 'python3.11'

/**
 * The two things that are done with drills: run one, and end them all. SSM Automation runs them in its own region; only their scripts can speak
 * to another one, which is why the steps are scripts and not calls.
 */
export class DrillDocuments extends Construct {
  constructor(scope: Construct, id: string, { deployment, roleArn }: DrillDocumentsProps) {
    super(scope, id)
    const names = directorNames(deployment)
    const regions = regionsOf(deployment).map(({ region }) => region)
    const faultedRegion = { type: 'String', description: 'The region that the fault is in', allowedValues: regions }
    const role = { type: 'AWS::IAM::Role::Arn', description: 'The role that directs', default: roleArn, allowedValues: [roleArn] }
    new CfnDocument(this, 'Drill', {
      name: names.drillDocument,
      documentType: 'Automation',
      documentFormat: 'JSON',
      updateMethod: 'NewVersion',
      content: {
        schemaVersion: '0.3',
        description: `Runs a drill on a region of ${deployment.environment}, watches the others, and records what it showed`,
        assumeRole: '{{ AutomationAssumeRole }}',
        parameters: {
          Drill: { type: 'String', description: 'Which drill', allowedValues: [...DRILLS] },
          FaultedRegion: faultedRegion,
          Reason: { type: 'String', description: 'Why it is run; becomes evidence', maxChars: 500 },
          AskedBy: { type: 'String', description: 'Who runs it; becomes evidence', maxChars: 200 },
          AutomationAssumeRole: role,
        },
        mainSteps: drillSteps(deployment, regions, names.evidenceBucket),
      },
    })
    new CfnDocument(this, 'Stop', {
      name: names.stopDocument,
      documentType: 'Automation',
      documentFormat: 'JSON',
      updateMethod: 'NewVersion',
      content: {
        schemaVersion: '0.3',
        description: `Ends every drill on a region of ${deployment.environment}`,
        assumeRole: '{{ AutomationAssumeRole }}',
        parameters: { FaultedRegion: faultedRegion, AutomationAssumeRole: role },
        mainSteps: [stopStep(deployment)],
      },
    })
  }
}

function drillSteps(deployment: Deployment, regions: readonly string[], evidenceBucket: string) {
  const about = {
    FaultedRegion: '{{ FaultedRegion }}',
    OwnRegion: '{{ global:REGION }}',
    Execution: '{{ automation:EXECUTION_ID }}',
    Watching: watchingRegions(deployment),
    AlarmPrefix: probeAlarmPrefix(deployment),
  }
  // What ends a drill early still has to end the fault.
  const orStop = { onFailure: 'step:stop', onCancel: 'step:stop' }
  return [
    {
      name: 'start',
      ...script(
        ['alarms_elsewhere.py', 'running.py', 'start_drill.py'],
        {
          ...about,
          Regions: regions,
          Parameter: drillParameterOf(deployment, '{{ FaultedRegion }}', '{{ Drill }}'),
          Drill: '{{ Drill }}',
          Tags: tags(deployment),
        },
        { Experiment: 'String', StartedAt: 'String' },
      ),
      // It starts nothing when it fails, or has stopped that itself; a stop here could end somebody else's drill.
      onFailure: 'Abort',
      nextStep: 'watch',
    },
    {
      name: 'watch',
      ...script(
        ['alarms_elsewhere.py', 'watch_drill.py'],
        { ...about, Experiment: '{{ start.Experiment }}' },
        { Status: 'String', Reason: 'String', Hurt: 'StringList' },
      ),
      ...orStop,
      nextStep: 'record',
    },
    {
      name: 'record',
      ...script(
        ['record_drill.py'],
        {
          ...about,
          Bucket: evidenceBucket,
          Drill: '{{ Drill }}',
          Reason: '{{ Reason }}',
          AskedBy: '{{ AskedBy }}',
          Experiment: '{{ start.Experiment }}',
          StartedAt: '{{ start.StartedAt }}',
          Status: '{{ watch.Status }}',
          Why: '{{ watch.Reason }}',
          Hurt: '{{ watch.Hurt }}',
        },
        { Evidence: 'String' },
      ),
      isEnd: true,
    },
    stopStep(deployment),
  ]
}

function stopStep(deployment: Deployment) {
  return {
    name: 'stop',
    ...script(
      ['running.py', 'stop_drills.py'],
      {
        FaultedRegion: '{{ FaultedRegion }}',
        Namespace: drillNamespace(deployment),
        Metric: STOP_METRIC,
        Tags: tags(deployment),
      },
      { Stopped: 'StringList' },
    ),
    isEnd: true,
  }
}

function script(files: readonly string[], inputPayload: Record<string, unknown>, outputs: Record<string, string>) {
  return {
    action: 'aws:executeScript',
    timeoutSeconds: STEP_TIMEOUT_S,
    inputs: { Runtime: RUNTIME, Handler: 'handler', Script: files.map(read).join('\n\n'), InputPayload: inputPayload },
    outputs: Object.entries(outputs).map(([Name, Type]) => ({ Name, Selector: `$.Payload.${Name}`, Type })),
  }
}

const read = (file: string) => readFileSync(new URL(`../drills/${file}`, import.meta.url), 'utf8')

/** The tags that every experiment of this deployment wears, and that its role is kept to. */
function tags({ name, environment }: Deployment): Record<string, string> {
  return { 'aegis:deployment': name, 'aegis:environment': environment }
}

/** Begins the names of the alarms about what probes saw. */
export function probeAlarmPrefix(deployment: Deployment): string {
  return watchNames(deployment, '').alarm('probe-failed', '').slice(0, -1)
}
