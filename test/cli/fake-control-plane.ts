import type { Rollout, Status } from '../../runtime/cli/policy/answers.ts'
import { refusal, type Said, type Seen } from './fake-fabric.ts'

export const ACTIVE = '9c01d2e3f4a5b6c7'
export const NEW = '3f2a91c0d4e5b678'

export const ROLLOUT: Rollout = {
  id: 'r-12',
  revision: NEW,
  from: ACTIVE,
  seq: 41,
  publisher: 'publisher@operators',
  author: 'author@operators',
  reason: 'raise the limit',
  started_at: '2026-11-27T22:41:00.000Z',
  ended_at: null,
  state: 'running',
  stage: 'replay',
  region: null,
  bake_until: null,
  done: [],
  silent: [],
  waiting_for: null,
  why: null,
  evidence: {},
}

const REGIONS = [
  ['eu-west-1', 'eu'],
  ['eu-central-1', 'eu'],
  ['us-east-1', 'us'],
] as const

/** Everybody serves one release. */
export function statusOf(revision: string, seq: number, more: Partial<Status> = {}): Status {
  return {
    seq,
    revision,
    published_at: '2026-11-27T22:00:00.000Z',
    converged: true,
    refused: null,
    rollout: null,
    last_rollout: null,
    directory: { version: 3, seq: 38 },
    regions: REGIONS.map(([region, zone]) => ({
      region,
      zone,
      seq,
      directory_seq: 38,
      confirmed_at: '2026-11-27T22:00:01.250Z',
      error: null,
    })),
    fleet: REGIONS.map(([region], at) => ({
      region,
      id: `task-${at}`,
      revision,
      seq,
      directory_seq: 38,
      age_s: 2460,
      candidate: null,
      error: null,
      reported_at: '2026-11-27T22:41:00.000Z',
    })),
    ...more,
  }
}

/** What a look at the status sees: a rollout that is a step further, a whole status, or nobody. */
export type Step = Partial<Rollout> | { status: Status } | 'silent' | { refused: number }

export interface FakeControlPlane {
  answer(seen: Seen): Said | undefined
  /** What comes next, look by look; the last one stays. */
  steps: Step[]
  /** In place of what it would answer, by method and path without query. */
  instead: Record<string, Said>
}

/** Plays a rollout, a step a look. */
export function fakeControlPlane(steps: Step[] = []): FakeControlPlane {
  let rollout: Rollout | undefined
  const fake: FakeControlPlane = { answer, steps, instead: {} }
  return fake

  function answer({ method, path, body }: Seen): Said | undefined {
    const what = `${method} ${path.split('?')[0]}`
    const said = fake.instead[what]
    if (said !== undefined) return said
    if (what === 'GET /v1/status') return status()
    if (what === 'POST /v1/revisions') return { status: 201, body: { revision: NEW, known: false, checks: CHECKS } }
    if (what === 'GET /v1/diff' || what === 'POST /v1/diff') return { status: 200, body: { from: ACTIVE, to: NEW, ...DIFF } }
    if (what === 'POST /v1/rollouts') {
      rollout = { ...ROLLOUT, revision: (body as { revision: string }).revision }
      return { status: 202, body: { rollout } }
    }
    return refusal(404, 'not_found')
  }

  function status(): Said | undefined {
    // The look before a rollout is no step of it.
    const step = rollout === undefined ? undefined : fake.steps.length > 1 ? fake.steps.shift() : fake.steps[0]
    if (step === 'silent') return undefined
    if (step !== undefined && 'status' in step) return { status: 200, body: step.status }
    if (step !== undefined && 'refused' in step) return refusal(step.refused, 'internal_error')
    if (rollout !== undefined) rollout = { ...rollout, ...step }
    return { status: 200, body: withRollout(rollout) }
  }
}

function withRollout(rollout: Rollout | undefined): Status {
  if (rollout === undefined) return statusOf(ACTIVE, 40)
  if (rollout.state === 'completed') return statusOf(rollout.revision, 41, { last_rollout: rollout })
  const ended = rollout.state === 'aborted' || rollout.state === 'rolled_back'
  return statusOf(ACTIVE, 40, ended ? { last_rollout: rollout } : { rollout })
}

export const CHECKS = [
  { name: 'documents', ok: true, detail: '15 agents' },
  { name: 'lint', ok: true, detail: null },
  { name: 'modules', ok: true, detail: 'unchanged' },
]

export const DIFF = {
  changes: [
    {
      subject: 'agent finance-agent',
      kind: 'widened',
      text: 'finance-agent may now pay up to 8000.00 EUR with stripe-payments.create_payment, was 5000.00 EUR',
    },
    { subject: 'tool crm', kind: 'changed', text: 'crm.update_contact takes one more argument: note' },
    { subject: 'agent finance-agent', kind: 'narrowed', text: 'finance-agent may no longer call web-fetch.fetch' },
  ],
  files: [
    {
      path: 'documents/agents/finance-agent.yaml',
      patch:
        '--- documents/agents/finance-agent.yaml\n+++ documents/agents/finance-agent.yaml\n@@ -6 +6 @@\n-value: 500000\n+value: 800000\n',
    },
    { path: 'documents/tools.yaml', patch: '--- documents/tools.yaml\n+++ documents/tools.yaml\n@@ -1 +1 @@\n-a\n+b\n' },
  ],
}

/** A whole rollout that goes well. */
export const COMPLETED: Step[] = [
  { evidence: { replayed: 12_400, new_denies: 0 } },
  { stage: 'canary', region: 'eu-west-1', bake_until: '2126-11-27T22:41:02.000Z', evidence: { replayed: 12_400, new_denies: 0 } },
  { evidence: { replayed: 12_400, new_denies: 0, calls: 310, compared: 300 } },
  { stage: 'region', region: 'eu-central-1', done: ['eu-west-1'] },
  { stage: 'all', region: null, done: ['eu-west-1', 'eu-central-1'] },
  { state: 'completed', done: ['eu-west-1', 'eu-central-1', 'us-east-1'], ended_at: '2026-11-27T22:41:04.200Z', bake_until: null },
]
