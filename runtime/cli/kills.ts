import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric, type RunningFabric } from './fabric-client.ts'
import { askAnyOperator, askControlPlane, NoAnswerError, operatorToken, orRefused } from './operator-client.ts'
import type { KillScopeType } from './operator-words.ts'
import { table } from './overview.ts'

type Out = (line: string) => void

const killSchema = z.object({
  id: z.string(),
  scope: z.object({ type: z.string(), id: z.string() }),
  reason: z.string(),
  by: z.string(),
  at: z.string().optional(),
  region: z.string().optional(),
  lifted: z.boolean().optional(),
})
export type ShownKill = z.output<typeof killSchema>
/** Of `GET /v1/kills`. */
export const killList = z.object({ kills: z.array(killSchema) })

export interface KillOptions {
  stateDir: string
  type: KillScopeType
  id: string
  reason: string
  region?: string | undefined
}

/** `aegis kill`: stops a tenant, agent, tool, region, signing key or token everywhere. Any region's operator API takes it. */
export async function kill({ stateDir, type, id, reason, region }: KillOptions, out: Out): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const thrown = await throwKill(fabric, { type, id, reason, region })
  out(`killed ${type} ${id} at ${thrown.region}: ${thrown.id}`)
  out(`lift it: npm run -s aegis -- lift ${thrown.id} --reason '...'`)
  // A switch must not wait for anything, and one with a slip in its name stops nobody while everybody believes that it does.
  if ((await import('./declared.ts')).isDeclared(type, id) === false)
    out(`ATTENTION: no document or configuration of this clone names ${type} ${id}; is it spelt right?`)
  return EXIT.held
}

/** @returns id of the kill switch, and the region that took it. @throws CommandError */
export async function throwKill(
  fabric: RunningFabric,
  { type, id, reason, region }: Omit<KillOptions, 'stateDir'>,
): Promise<{ id: string; region: string }> {
  const body = { scope: { type, id }, reason }
  const order = { method: 'POST', path: '/v1/kills', token: operatorToken(fabric, 'killer'), body } as const
  const { region: takenBy, reply } = await askAnyOperator(fabric, region, order)
  return { id: killId(orRefused(reply, `killing ${type} ${id}`)), region: takenBy }
}

/** `aegis kills`: the kill switches that a region knows. */
export async function kills({ stateDir, region }: { stateDir: string; region?: string }, out: Out): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  const { region: askedAt, kills: found } = await listKills(fabric, region)
  if (found.length === 0) out(`no kill switch is thrown, says ${askedAt}`)
  else for (const line of table([['id', 'stops', 'reason', 'by', 'at'], ...found.map(killRow)], '')) out(line)
  return EXIT.held
}

/** @throws CommandError */
export async function listKills(fabric: RunningFabric, region?: string): Promise<{ region: string; kills: ShownKill[] }> {
  const order = { method: 'GET', path: '/v1/kills', token: operatorToken(fabric, 'viewer') } as const
  const { region: askedAt, reply } = await askAnyOperator(fabric, region, order)
  return { region: askedAt, kills: killList.parse(orRefused(reply, `listing kill switches of ${askedAt}`)).kills }
}

/** `aegis lift`: the control plane publishes that a kill switch no longer holds; no region can. */
export async function lift({ stateDir, id, reason }: { stateDir: string; id: string; reason: string }, out: Out): Promise<ExitCode> {
  const fabric = findFabric(stateDir)
  await refuseUnknown(fabric, id)
  await liftKill(fabric, id, reason)
  out(`lifted ${id}: regions follow when they have read the new directory`)
  return EXIT.held
}

/** @throws CommandError */
export async function liftKill(fabric: RunningFabric, killId: string, reason: string): Promise<void> {
  const order = { method: 'POST', path: '/v1/lifts', token: operatorToken(fabric, 'publisher'), body: { kill_id: killId, reason } } as const
  const reply = await askControlPlane(fabric, order)
  orRefused(reply, `lifting ${killId}`)
}

/** The control plane does not know kill switches, only the ids that it lifts: a slip in one would lift nothing and say that it did. */
async function refuseUnknown(fabric: RunningFabric, id: string): Promise<void> {
  const listed = await listKills(fabric).catch((error) => {
    // With every region away there is nobody to ask, and the control plane's word is still good later.
    if (error instanceof NoAnswerError) return undefined
    throw error
  })
  if (listed !== undefined && !listed.kills.some((kill) => kill.id === id))
    throw new CommandError(`${listed.region} knows no kill switch ${id}; aegis kills lists them`, EXIT.failed)
}

/** Id, whether the answer is the kill itself or holds it. */
function killId(fields: unknown): string {
  const found = z.union([z.object({ id: z.string() }), z.object({ kill: z.object({ id: z.string() }) })]).parse(fields)
  return 'kill' in found ? found.kill.id : found.id
}

export const killRow = ({ id, scope, reason, by, at, lifted }: ShownKill) => [
  id,
  `${scope.type} ${scope.id}${lifted === true ? ' (lifted)' : ''}`,
  reason,
  by,
  at ?? '',
]
