import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { deployment as input } from '../../config/deployment.ts'
import { directorNames } from '../../config/names.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { resourcesOf, synthesize } from '../stacks/synthesized.ts'
import { suiteNeeding } from './support/needs.ts'

// The scripts of the drill documents as they stand in the template, run by a real Python against a boto3 that answers from a list and writes
// down what it is asked. SSM Automation runs the same text.
const python = spawnSync('python3', ['--version']).status === 0 ? 'python3' : undefined
const suite = suiteNeeding('python3', python)

interface Asked {
  region: string | null
  call: string
  with: Record<string, unknown>
}
/** Answers by `service.operation region`, by `service.operation`; a list is given away one by one. */
type Answers = Record<string, unknown>

const BOTO3 = `
import json, os
answers = json.load(open(os.environ["ANSWERS"]))
asked = []
def answer(call, region):
    found = answers.get(f"{call} {region}", answers.get(call, {}))
    return found.pop(0) if isinstance(found, list) else found
class Client:
    def __init__(self, service, region): self.service, self.region = service, region
    def __getattr__(self, operation):
        def call(**given):
            asked.append({"region": self.region, "call": f"{self.service}.{operation}", "with": {k: v if isinstance(v, (str, int, dict, list)) else str(v) for k, v in given.items()}})
            return answer(f"{self.service}.{operation}", self.region)
        return call
    def get_paginator(self, operation):
        class Pages:
            def paginate(_, **given): return [getattr(self, operation)(**given)]
        return Pages()
def client(service, region_name=None): return Client(service, region_name)
`
const MAIN = `
import json, os, sys, time
time.sleep = lambda seconds: None
sys.path.insert(0, os.environ["FOLDER"])
import boto3
scope = {}
exec(open(os.environ["SCRIPT"]).read(), scope)
try: result = {"result": scope["handler"](json.load(open(os.environ["EVENTS"])), None)}
except Exception as error: result = {"error": str(error)}
print(json.dumps({**result, "asked": boto3.asked}))
`

suite('scripts of drills', () => {
  let folder: string
  const scripts = new Map<string, string>()
  const about = {
    FaultedRegion: 'eu-west-1',
    OwnRegion: 'eu-north-1',
    Execution: 'exec-1',
    Watching: ['eu-west-1', 'eu-north-1'],
    AlarmPrefix: 'aegis-prod-probe-failed',
    Regions: ['eu-west-1', 'us-east-1'],
    Parameter: '/aegis/prod/eu-west-1/drills/task-kill',
    Drill: 'task-kill',
    Tags: { 'aegis:deployment': 'aegis', 'aegis:environment': 'prod' },
    Experiment: 'EXP1',
    StartedAt: '1764200000',
    Bucket: 'evidence',
    Reason: 'monthly',
    AskedBy: 'ops',
    Status: 'completed',
    Why: '',
    Hurt: [],
    Namespace: 'aegis/prod/drills',
    Metric: 'StopRequested',
  }
  const quiet = { MetricAlarms: [] }
  const none = { experiments: [] }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'aegis-drills-'))
    writeFileSync(join(folder, 'boto3.py'), BOTO3)
    writeFileSync(join(folder, 'main.py'), MAIN)
    const { templates } = synthesize()
    const deployment = resolveDeployment(input)
    const documents = resourcesOf(templates.get('aegis-prod-drill-director'), 'AWS::SSM::Document')
    const drill = documents.find(([, { Properties }]) => Properties.Name === directorNames(deployment).drillDocument)
    for (const { name, inputs } of drill?.[1].Properties.Content.mainSteps ?? []) scripts.set(name, inputs.Script)
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function run(step: string, answers: Answers, events: object = {}): { result?: Record<string, unknown>; error?: string; asked: Asked[] } {
    const files = { SCRIPT: scripts.get(step) ?? '', EVENTS: JSON.stringify({ ...about, ...events }), ANSWERS: JSON.stringify(answers) }
    const env: Record<string, string> = { FOLDER: folder }
    for (const [name, text] of Object.entries(files)) {
      env[name] = join(folder, name)
      writeFileSync(join(folder, name), text)
    }
    const { stdout, stderr, status } = spawnSync(python ?? '', [join(folder, 'main.py')], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout)
  }
  const callsOf = (asked: readonly Asked[], call: string) => asked.filter((one) => one.call === call)

  test('start finds the template in the faulted region and starts it there, under our tags', () => {
    const { result, asked } = run('start', {
      'cloudwatch.describe_alarms': quiet,
      'fis.list_experiments': none,
      'ssm.get_parameter': { Parameter: { Value: 'EXT1' } },
      'fis.start_experiment': { experiment: { id: 'EXP1' } },
    })
    expect(result).toMatchObject({ Experiment: 'EXP1', StartedAt: expect.stringMatching(/^\d+$/) })
    expect(callsOf(asked, 'cloudwatch.describe_alarms')).toMatchObject([{ region: 'eu-north-1', with: { StateValue: 'ALARM' } }])
    expect(callsOf(asked, 'ssm.get_parameter')).toMatchObject([{ region: 'eu-west-1', with: { Name: about.Parameter } }])
    expect(callsOf(asked, 'fis.start_experiment')).toMatchObject([
      {
        region: 'eu-west-1',
        with: {
          experimentTemplateId: 'EXT1',
          clientToken: 'exec-1',
          tags: { ...about.Tags, 'aegis:drill': 'task-kill', 'aegis:execution': 'exec-1' },
        },
      },
    ])
  })

  test('refuses to start from the faulted region itself', () => {
    const { error, asked } = run('start', {}, { OwnRegion: 'eu-west-1' })
    expect(error).toMatch(/^refused: this automation runs in eu-west-1 itself/)
    expect(asked).toEqual([])
  })

  test('refuses to start while another region is not well, and starts though the faulted one is not', () => {
    const ringing = {
      MetricAlarms: [{ AlarmName: 'aegis-prod-probe-failed-us-east-1' }, { AlarmName: 'aegis-prod-probe-failed-eu-west-1' }],
    }
    const { error, asked } = run('start', { 'cloudwatch.describe_alarms': ringing })
    expect(error).toBe('refused: not steady before the drill, in alarm: aegis-prod-probe-failed-us-east-1')
    expect(callsOf(asked, 'fis.start_experiment')).toEqual([])
  })

  test('refuses a second drill, in whichever region the first one is', () => {
    const running = { experiments: [{ id: 'EXP9', state: { status: 'running' }, tags: about.Tags }] }
    const { error } = run('start', {
      'cloudwatch.describe_alarms': quiet,
      'fis.list_experiments eu-west-1': none,
      'fis.list_experiments us-east-1': running,
    })
    expect(error).toBe('refused: another drill is under way: EXP9')
    const foreign = { experiments: [{ id: 'EXP8', state: { status: 'running' }, tags: { 'aegis:environment': 'dev' } }] }
    const { result } = run('start', {
      'cloudwatch.describe_alarms': quiet,
      'fis.list_experiments': foreign,
      'ssm.get_parameter': { Parameter: { Value: 'EXT1' } },
      'fis.start_experiment': { experiment: { id: 'EXP1' } },
    })
    expect(result).toMatchObject({ Experiment: 'EXP1' })
  })

  test('gives way when two were started in the same moment', () => {
    const { error, asked } = run('start', {
      'cloudwatch.describe_alarms': quiet,
      'fis.list_experiments eu-west-1': none,
      'fis.list_experiments us-east-1': [none, { experiments: [{ id: 'EXP2', state: { status: 'initiating' }, tags: about.Tags }] }],
      'ssm.get_parameter': { Parameter: { Value: 'EXT1' } },
      'fis.start_experiment': { experiment: { id: 'EXP1' } },
    })
    expect(error).toBe('refused: another drill was started in the same moment: EXP2')
    expect(callsOf(asked, 'fis.stop_experiment')).toMatchObject([{ region: 'eu-west-1', with: { id: 'EXP1' } }])
  })

  const state = (status: string, reason = '') => ({ experiment: { state: { status, reason } } })

  test('watch waits for the end and says how it was', () => {
    const { result, asked } = run('watch', {
      'fis.get_experiment': [state('running'), state('running'), state('completed', 'done')],
      'cloudwatch.describe_alarms': quiet,
    })
    expect(result).toEqual({ Status: 'completed', Reason: 'done', Hurt: [] })
    expect(callsOf(asked, 'fis.stop_experiment')).toEqual([])
  })

  test('watch ends the drill, once, when another region is hurt', () => {
    const { result, asked } = run('watch', {
      'fis.get_experiment': [state('running'), state('stopping'), state('stopped', 'asked')],
      'cloudwatch.describe_alarms': { MetricAlarms: [{ AlarmName: 'aegis-prod-probe-failed-us-east-1' }] },
    })
    expect(result).toEqual({ Status: 'stopped', Reason: 'asked', Hurt: ['aegis-prod-probe-failed-us-east-1'] })
    expect(callsOf(asked, 'fis.stop_experiment')).toHaveLength(1)
  })

  test('record writes experiment and alarms into the evidence bucket, and fails for a drill that did not end well', () => {
    const answers = {
      'fis.get_experiment': state('completed'),
      'cloudwatch.describe_alarms': { MetricAlarms: [{ AlarmName: 'aegis-prod-probe-failed-eu-west-1' }] },
      'cloudwatch.describe_alarm_history': { AlarmHistoryItems: [] },
    }
    const { result, asked } = run('record', answers)
    const key = 'task-kill/eu-west-1/2025-11-26T23-33-20Z-EXP1.json'
    expect(result).toEqual({ Evidence: key })
    const [put] = callsOf(asked, 's3.put_object')
    expect(put).toMatchObject({ region: null, with: { Bucket: 'evidence', Key: key, ChecksumAlgorithm: 'SHA256' } })
    const stopped = run('record', answers, { Status: 'stopped', Why: 'another region was hurt' })
    expect(stopped.error).toBe(`drill task-kill on eu-west-1 was stopped: another region was hurt; evidence: ${key}`)
    expect(callsOf(stopped.asked, 's3.put_object')).toHaveLength(1)
  })

  test('stop presses the button before it looks for experiments, and stops ours alone', () => {
    const { result, asked } = run('stop', {
      'fis.list_experiments': [
        {
          experiments: [
            { id: 'EXP1', state: { status: 'running' }, tags: about.Tags },
            { id: 'EXP2', state: { status: 'completed' }, tags: about.Tags },
          ],
          nextToken: 'more',
        },
        {
          experiments: [
            { id: 'EXP3', state: { status: 'pending' }, tags: about.Tags },
            { id: 'EXP4', state: { status: 'running' } },
          ],
        },
      ],
    })
    expect(result).toEqual({ Stopped: ['EXP1', 'EXP3'] })
    expect(asked[0]).toMatchObject({ region: 'eu-west-1', call: 'cloudwatch.put_metric_data', with: { Namespace: 'aegis/prod/drills' } })
  })

  test('scripts use the tag by which templates are known', () => {
    expect(readFileSync(new URL('../../lib/drills/start_drill.py', import.meta.url), 'utf8')).toContain('"aegis:drill"')
  })
})
