import type { Operator } from '../../identity/operator-token.ts'
import type { Clock } from '../../model/ports.ts'
import { changeDirectory, type DirectoryChange, type DirectoryContext } from './change.ts'
import { StaleDirectoryError } from './refusals.ts'
import { type DirectoryState, emptyDirectory, tenantByAgent } from './state.ts'

/** The directory at a version: 0 before the first change, one more with each. */
export interface VersionedDirectory {
  version: number
  state: DirectoryState
}

export interface DirectoryOrder {
  /** The version that whoever orders has seen. */
  expects: number
  change: DirectoryChange
  by: Pick<Operator, 'iss' | 'sub'>
  reason: string
}

/** What the audit says of a change. */
export interface RecordedChange {
  /** The version that it made. */
  version: number
  /** Milliseconds since the epoch. */
  atMs: number
  by: Pick<Operator, 'iss' | 'sub'>
  reason: string
  /** Whose thing was changed; null for what is of all tenants. */
  tenant: string | null
  change: DirectoryChange
}

/** Where the directory is kept. Of two changes made for one version one wins. */
export interface DirectoryDesk {
  current(): VersionedDirectory
  /**
   * Resolves when the change is kept and audited. A change that changes nothing leaves version and audit as they are.
   * @throws StaleDirectoryError when the directory is at another version than expected
   * @throws DirectoryRefusedError, NotInDirectoryError
   */
  change(order: DirectoryOrder): Promise<VersionedDirectory>
  /** What made the versions after this one, oldest first. */
  changes(after: number): Promise<readonly RecordedChange[]>
}

/**
 * What an order comes to: every desk's rule, whatever it keeps things in.
 * @returns what to keep and to record; undefined when the order changes nothing
 * @throws StaleDirectoryError, DirectoryRefusedError, NotInDirectoryError
 */
export function follow(
  { version, state }: VersionedDirectory,
  { expects, change, by, reason }: DirectoryOrder,
  context: DirectoryContext,
  nowMs: number,
): (VersionedDirectory & { recorded: RecordedChange }) | undefined {
  if (expects !== version) throw new StaleDirectoryError({ expects, version })
  const after = changeDirectory(state, change, context)
  if (after === state) return undefined
  const who = { iss: by.iss, sub: by.sub }
  const recorded = { version: version + 1, atMs: nowMs, by: who, reason, tenant: tenantOfChange(state, change, context), change }
  return { version: version + 1, state: after, recorded }
}

/** Whose thing a change is about, as it stands before; null for what is of all tenants, or of an agent that nobody knows. */
export function tenantOfChange(
  { clients, budgets }: DirectoryState,
  { kind, id = '' }: { kind: DirectoryChange['kind']; id?: string },
  { agents }: Pick<DirectoryContext, 'agents'>,
): string | null {
  switch (kind) {
    case 'put_tenant':
    case 'remove_tenant':
      return id
    // What is put there belongs to the agent's tenant of now, what is removed to the one that it was put there for.
    case 'put_client':
    case 'put_budget':
      return tenantByAgent(agents).get(id) ?? null
    case 'remove_client':
      return Object.hasOwn(clients, id) ? (clients[id]?.tenant ?? null) : null
    case 'remove_budget':
      return Object.hasOwn(budgets, id) ? (budgets[id]?.tenant ?? null) : null
    default:
      return null
  }
}

const ATTEMPTS_MAX = 8

/**
 * For a change that is right whatever else has changed, such as a lift: made for the version that is there, again when another was faster.
 * @throws like the desk
 */
export async function changeAnyVersion(desk: DirectoryDesk, order: Omit<DirectoryOrder, 'expects'>): Promise<VersionedDirectory> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await desk.change({ ...order, expects: desk.current().version })
    } catch (error) {
      if (!(error instanceof StaleDirectoryError) || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

/** A desk that forgets everything with its process. */
export function memoryDesk({
  clock,
  context,
  state = emptyDirectory(),
}: {
  clock: Pick<Clock, 'now'>
  context: () => DirectoryContext
  state?: DirectoryState
}): DirectoryDesk {
  let current: VersionedDirectory = { version: 0, state }
  const recorded: RecordedChange[] = []
  return {
    current: () => current,
    async change(order) {
      const next = follow(current, order, context(), clock.now())
      if (next === undefined) return current
      recorded.push(next.recorded)
      current = { version: next.version, state: next.state }
      return current
    },
    changes: async (after) => recorded.filter(({ version }) => version > after),
  }
}
