import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric, type RunningFabric } from './fabric-client.ts'
import { askOperator, NoAnswerError, operatorToken, orRefused, type Reply } from './operator-client.ts'
import { table } from './overview.ts'

export interface ExplainOptions {
  id: string
  stateDir: string
  json: boolean
  region?: string
  /** About when the decision was made, RFC 3339. */
  at?: string
}

const explanation = z.looseObject({
  decision_id: z.string(),
  at: z.string(),
  region: z.string(),
  tenant: z.string(),
  agent: z.string(),
  tool: z.string().nullable(),
  action: z.string().nullable(),
  revision: z.string(),
  decision: z.string(),
  enforced: z.string(),
  mode: z.string(),
  reasons: z.array(z.object({ code: z.string(), message: z.string(), rule: z.string(), source: z.string().optional() })),
  explanation: z.string(),
  facts: z.record(z.string(), z.unknown()),
  reproduced: z.boolean().nullable(),
  would_change: z.array(z.object({ what: z.string(), outcome: z.string() })),
})
type Explanation = z.output<typeof explanation>

const DECISION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * `aegis explain`: why a decision came out as it did. Its id names the process that decided but not the region, so without one every
 * region is asked.
 * @throws CommandError
 */
export async function explain(options: ExplainOptions, out: (line: string) => void): Promise<ExitCode> {
  const { id, stateDir, json, region, at } = options
  if (!DECISION_ID.test(id)) throw new CommandError(`${JSON.stringify(id)} is not a decision id, such as a verdict's decision_id`)
  const fabric = findFabric(stateDir)
  const fields = await answerOf(fabric, `/v1/decisions/${id}${at === undefined ? '' : `?at=${encodeURIComponent(at)}`}`, region)
  if (json) out(JSON.stringify(fields))
  else for (const line of lines(explanation.parse(fields))) out(line)
  return EXIT.held
}

async function answerOf(fabric: RunningFabric, path: string, region: string | undefined): Promise<unknown> {
  const order = { method: 'GET', path, token: operatorToken(fabric, 'viewer') } as const
  const regions = region === undefined ? fabric.regions.map((cell) => cell.region) : [region]
  const asked = await Promise.all(regions.map((one) => askOperator(fabric, one, order).catch((error) => silent(error, one))))
  const found = asked.find((reply) => typeof reply === 'object' && reply.ok)
  if (typeof found === 'object' && found.ok) return found.fields
  // A region that has it and cannot say so matters more than those that have not.
  const refused = asked.find(
    (reply): reply is Extract<Reply, { ok: false }> => typeof reply === 'object' && !reply.ok && reply.status !== 404,
  )
  if (refused !== undefined) return orRefused(refused, 'explaining')
  const unheard = asked.filter((reply) => typeof reply === 'string')
  if (unheard.length > 0)
    throw new CommandError(`no region that answers knows the decision; without an answer: ${unheard.join(', ')}`, EXIT.failed)
  const [only] = asked
  if (region !== undefined && typeof only === 'object') return orRefused(only, 'explaining')
  throw new CommandError(
    'no region knows this decision: it is too old, was not recorded, or is only seconds old and still with the process that made it: ask again then',
    EXIT.failed,
  )
}

/** @returns the name of a region that does not answer */
function silent(error: unknown, region: string): string {
  if (error instanceof NoAnswerError) return region
  throw error
}

function lines(found: Explanation): string[] {
  const { decision, enforced, mode, tool, action, reasons, would_change, facts } = found
  const done = enforced === decision || decision === 'error' ? '' : `, enforced ${enforced}`
  return [
    `${decision}${done}${mode === 'shadow' ? ' (shadow mode)' : ''}  ${tool ?? '?'}.${action ?? '?'}  by ${found.agent} of ${found.tenant}`,
    `${found.at}  ${found.region}  revision ${found.revision}  decision ${found.decision_id}`,
    '',
    found.explanation,
    ...titled(
      'why',
      reasons.flatMap(({ code, message, rule, source }) => [
        `${code} (rule ${rule}): ${message}`,
        ...(source === undefined ? [] : [`  ${source}`]),
      ]),
    ),
    ...titled(
      'what policy saw',
      table(
        Object.entries(facts).map(([name, value]) => [name, JSON.stringify(value)]),
        '',
      ),
    ),
    ...titled(
      'what would have changed it',
      would_change.map(({ what, outcome }) => `${what}: ${outcome}`),
    ),
    ...(found.reproduced === false ? ['', 'judged anew by the bundle that decided, policy now says something else'] : []),
  ]
}

function titled(title: string, found: readonly string[]): string[] {
  return found.length === 0 ? [] : ['', `${title}:`, ...found.map((line) => `  ${line}`)]
}
