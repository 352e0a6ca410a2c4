import { type Operator, operates } from '../../identity/operator-token.ts'
import type { JsonObject, JsonValue } from '../../model/call.ts'
import { AegisError } from '../../model/codes.ts'
import { type CompiledPolicy, readCompiled } from '../../policy/explain/compiled.ts'
import { sourceOf } from '../../policy/explain/source.ts'
import { type WouldChange, wouldChange } from '../../policy/explain/would-change.ts'
import type { PolicyInput } from '../../policy/policy-io.ts'
import type { Asked, RecordedDecision } from '../../policy/replay/recorded.ts'
import { visible, visibleJson } from '../approvals/visible.ts'
import type { DecidingBundle } from './deciding-bundle.ts'
import { inWords, messageOf } from './in-words.ts'

/** Why a decision came out as it did. Wire shape. */
export interface Explanation {
  decision_id: string
  at: string
  region: string
  tenant: string
  agent: string
  tool: string | null
  action: string | null
  revision: string
  decision: RecordedDecision['decision']
  enforced: RecordedDecision['enforced']
  mode: RecordedDecision['mode']
  /** `source`: the field of the agent's document, with what stands there. */
  reasons: { code: string; message: string; rule: string; source?: string }[]
  /** Who decided, policy or host, in words. */
  explanation: string
  /** What policy saw. Empty when it was not asked. */
  facts: JsonObject
  /** Judged anew by the bundle that decided, policy says the same. Null when it was not asked, or that bundle cannot be had. */
  reproduced: boolean | null
  would_change: WouldChange[]
}

export interface ExplainerOptions {
  region: string
  find: (decisionId: string, atMs: number | undefined) => Promise<RecordedDecision | undefined>
  bundleOf: (digest: string, atMs: number) => Promise<DecidingBundle>
  /** Seconds until what a process of this region has decided can be found by the others. */
  storedAfterS: number
  retentionDays: number
}

export interface Explainer {
  /** @throws AegisError not_found, state_unavailable */
  explain(operator: Operator, decisionId: string, atMs?: number): Promise<Explanation>
}

const READERS = ['viewer', 'approver', 'publisher'] as const

export function createExplainer({ region, find, bundleOf, storedAfterS, retentionDays }: ExplainerOptions): Explainer {
  // One answer for what is not there and for what is somebody else's.
  const nothing = () =>
    new AegisError(
      'not_found',
      `no recording of this decision is found in ${region}: it was made in another region, is older than ${retentionDays} days, ` +
        `was not recorded, or is younger than ${storedAfterS} s and still with the process that made it: ask again then`,
    )
  return {
    async explain(operator, decisionId, atMs) {
      if (!READERS.some((role) => operator.roles.includes(role))) throw nothing()
      const recorded = await find(decisionId, atMs).catch((cause) => {
        if (cause instanceof AegisError) throw cause
        throw new AegisError('state_unavailable', 'the recorded decisions of this region cannot be read', { cause })
      })
      if (recorded === undefined || !operates(operator, recorded.tenant)) throw nothing()
      return explanationOf(recorded, region, await judgedAnew(recorded, bundleOf))
    },
  }
}

interface Anew {
  compiled: CompiledPolicy | undefined
  reproduced: boolean | null
  changes: WouldChange[]
}

const NOT_JUDGED: Anew = { compiled: undefined, reproduced: null, changes: [] }

async function judgedAnew(recorded: RecordedDecision, bundleOf: ExplainerOptions['bundleOf']): Promise<Anew> {
  const { policy, decision } = recorded
  if (policy === null) return NOT_JUDGED
  try {
    const { agents, evaluator } = await bundleOf(recorded.bundle_digest, recorded.at_ms)
    const input = inputOf(policy, agents)
    const compiled = readCompiled(input.agent.policyJson)
    const reproduced = evaluator.evaluate(input).outcome === policy.outcome
    // Where the host decided, nothing that policy is told would change it.
    const changes = reproduced && policy.outcome === decision ? await wouldChange(input, evaluator) : []
    return { compiled, reproduced, changes }
  } catch {
    // The recording says what was decided all the same.
    return NOT_JUDGED
  }
}

function inputOf({ input }: Asked, agents: DecidingBundle['agents']): PolicyInput {
  const named = agents.get(input.agent.id)
  const agent = named?.tenant === input.tenant.id ? named : undefined
  return { ...input, agent: { id: input.agent.id, policyJson: agent?.policyJson ?? null } }
}

function explanationOf(recorded: RecordedDecision, region: string, { compiled, reproduced, changes }: Anew): Explanation {
  const { policy, tool, action } = recorded
  const call = { tool: tool ?? '', action: action ?? '', arguments: {}, door: policy?.input.call.door ?? 'decision_api' } as const
  const reasons = recorded.reasons.map(({ code, rule }) => {
    const source = sourceOf(rule, { call }, compiled)
    return { code, message: messageOf(code), rule: visible(rule), ...(source !== undefined && { source: visible(source) }) }
  })
  return {
    decision_id: recorded.decision_id,
    at: new Date(recorded.at_ms).toISOString(),
    region,
    tenant: recorded.tenant,
    agent: recorded.agent,
    tool: tool === null ? null : visible(tool),
    action: action === null ? null : visible(action),
    revision: recorded.revision,
    decision: recorded.decision,
    enforced: recorded.enforced,
    mode: recorded.mode,
    reasons,
    explanation: inWords(recorded),
    facts: policy === null ? {} : factsOf(policy),
    reproduced,
    would_change: changes.map(({ what, outcome }) => ({ what: visible(what), outcome })),
  }
}

/** Arguments are a caller's text: what could not be seen in them is shown. */
function factsOf({ input }: Asked): JsonObject {
  const { call, agent: _agent, now: _now, ...facts } = input
  return visibleJson({ arguments: call.arguments, door: call.door, ...facts } as unknown as JsonValue) as JsonObject
}
