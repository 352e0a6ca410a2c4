import { z } from 'zod'
import { CommandError, EXIT, type ExitCode } from './exit-codes.ts'
import { findFabric, type RunningFabric } from './fabric-client.ts'
import { askControlPlaneAs, operatorToken, type Reply } from './operator-client.ts'
import type { DirectoryPart } from './operator-words.ts'
import { table } from './overview.ts'

type Out = (line: string) => void

interface Change {
  what: DirectoryPart
  id: string
  reason?: string
  /** Refused when the directory has another version by then. Default: the one it has now. */
  ifVersion?: number
  stateDir: string
}
export type DirectoryCommand =
  | { do: 'show'; json: boolean; stateDir: string }
  | ({ do: 'set'; fields: object } & Change)
  | ({ do: 'remove' } & Change)
  | { do: 'changes'; after: number; json: boolean; stateDir: string }

/** `aegis directory`. @throws CommandError when the control plane refuses or does not answer */
export async function directory(command: DirectoryCommand, out: Out): Promise<ExitCode> {
  const fabric = findFabric(command.stateDir)
  switch (command.do) {
    case 'show':
      return await show(fabric, command, out)
    case 'changes':
      return await changes(fabric, command, out)
    default:
      return await change(fabric, command, out)
  }
}

const PATHS: Record<DirectoryPart, string> = { tenant: 'tenants', client: 'clients', budget: 'budgets', reader: 'bundle-readers' }

const directoryAnswer = z.object({
  version: z.int(),
  tenants: z.record(
    z.string(),
    z.object({
      zone: z.string().default('-'),
      home_region: z.string().default('-'),
      binding: z.string(),
      mode: z.string(),
      residency: z.string(),
    }),
  ),
  clients: z.record(z.string(), z.object({ tenant: z.string(), has_secret: z.boolean(), assertions: z.array(z.unknown()).default([]) })),
  budgets: z.record(z.string(), z.object({ amount: z.int(), unit: z.string(), tenant: z.string(), reason: z.string() })),
  bundle_readers: z.record(z.string(), z.object({ zone: z.string() })),
  lifted: z.array(z.string()),
  removed_keys: z.record(z.string(), z.array(z.string())),
})

async function show(fabric: RunningFabric, { json }: { json: boolean }, out: Out): Promise<ExitCode> {
  const fields = await read(fabric, '/v1/directory', 'reading the directory')
  if (json) {
    out(JSON.stringify(fields))
    return EXIT.held
  }
  const { version, tenants, clients, budgets, bundle_readers, lifted, removed_keys } = directoryAnswer.parse(fields)
  out(`version ${version}`)
  section(out, ['tenant', 'zone', 'home region', 'binding', 'mode', 'residency'], tenants, (one) => [
    one.zone,
    one.home_region,
    one.binding,
    one.mode,
    one.residency,
  ])
  section(out, ['client', 'tenant', 'shows itself by'], clients, ({ tenant, has_secret, assertions }) => [
    tenant,
    [...(has_secret ? ['secret'] : []), ...(assertions.length > 0 ? [`assertions (${assertions.length})`] : [])].join(', '),
  ])
  section(out, ['budget of', 'tenant', 'amount', 'unit', 'reason'], budgets, (one) => [
    one.tenant,
    String(one.amount),
    one.unit,
    one.reason,
  ])
  section(out, ['bundle reader', 'zone'], bundle_readers, ({ zone }) => [zone])
  if (lifted.length > 0) out(`lifted: ${lifted.join(', ')}`)
  for (const [region, kids] of Object.entries(removed_keys)) out(`removed keys of ${region}: ${kids.join(', ')}`)
  return EXIT.held
}

const changesAnswer = z.object({
  changes: z.array(
    z.object({
      version: z.int(),
      at: z.string(),
      by: z.object({ sub: z.string() }),
      reason: z.string(),
      change: z.looseObject({ kind: z.string() }),
    }),
  ),
  more: z.boolean().default(false),
})

async function changes(fabric: RunningFabric, { after, json }: { after: number; json: boolean }, out: Out): Promise<ExitCode> {
  const fields = await read(fabric, `/v1/directory/changes?after=${after}`, 'reading the changes of the directory')
  if (json) {
    out(JSON.stringify(fields))
    return EXIT.held
  }
  const { changes: found, more } = changesAnswer.parse(fields)
  if (found.length === 0) out(`nothing was changed after version ${after}`)
  const rows = found.map(({ version, at, by, reason, change: { kind, ...rest } }) => [
    String(version),
    at,
    by.sub,
    kind.replaceAll('_', ' '),
    aboutOf(rest),
    reason,
  ])
  if (rows.length > 0) for (const line of table([['version', 'at', 'by', 'change', 'of', 'reason'], ...rows], '')) out(line)
  if (more) out(`there are more: --after ${found.at(-1)?.version}`)
  return EXIT.held
}

async function change(fabric: RunningFabric, command: Extract<DirectoryCommand, Change>, out: Out): Promise<ExitCode> {
  const { what, id, reason, ifVersion } = command
  const token = operatorToken(fabric, 'publisher')
  const version = ifVersion ?? (await currentVersion(fabric, token))
  const query = reason === undefined ? '' : `?reason=${encodeURIComponent(reason)}`
  const reply = await askControlPlaneAs(fabric, {
    method: command.do === 'set' ? 'PUT' : 'DELETE',
    path: `/v1/directory/${PATHS[what]}/${encodeURIComponent(id)}${query}`,
    token,
    headers: { 'if-match': `"${version}"` },
    ...(command.do === 'set' && { body: command.fields }),
  })
  const done = z.object({ version: z.int() }).parse(orShown(reply, `${command.do === 'set' ? 'setting' : 'removing'} ${what} ${id}`, out))
  if (done.version === version) out(`${what} ${id} is so already: version ${version} stays`)
  else
    out(
      `${command.do === 'set' ? 'set' : 'removed'} ${what} ${id}: version ${done.version}; regions follow when they have read the new directory`,
    )
  return EXIT.held
}

async function currentVersion(fabric: RunningFabric, token: string): Promise<number> {
  const reply = await askControlPlaneAs(fabric, { method: 'GET', path: '/v1/directory', token })
  return z.object({ version: z.int() }).parse(orShown(reply, 'reading the directory', () => {})).version
}

async function read(fabric: RunningFabric, path: string, doing: string): Promise<unknown> {
  const reply = await askControlPlaneAs(fabric, { method: 'GET', path, token: operatorToken(fabric, 'viewer') })
  return orShown(reply, doing, () => {})
}

/** Refusals of the directory have a line for each fault. @throws CommandError */
function orShown(reply: Reply, doing: string, out: Out): unknown {
  if (reply.ok) return reply.fields
  const { code, message } = reply.refusal
  const [first = '', ...others] = message.split('\n')
  if (others.length === 0) throw new CommandError(`${doing} was refused: ${code}: ${first}`, EXIT.failed)
  for (const line of [first, ...others]) out(line)
  throw new CommandError(`${doing} was refused: ${code}: ${others.length + 1} faults, listed above`, EXIT.failed)
}

function section<T>(out: Out, head: readonly string[], entries: Readonly<Record<string, T>>, row: (entry: T) => string[]): void {
  const rows = Object.entries(entries).map(([id, entry]) => [id, ...row(entry)])
  if (rows.length === 0) return
  out('')
  for (const line of table([head, ...rows], '')) out(line)
}

/** What a change is about, in one cell. */
function aboutOf(change: Readonly<Record<string, unknown>>): string {
  const named = [change.id, change.kill_id, change.region, change.kid, ...(Array.isArray(change.files) ? change.files : [])]
  return named.filter((word) => typeof word === 'string').join(' ')
}
