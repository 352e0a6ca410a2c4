import type { Operator } from '../../identity/operator-token.ts'
import { seesTenant } from '../api/operators.ts'
import type { DirectoryChange } from './change.ts'
import type { RecordedChange, VersionedDirectory } from './desk.ts'
import type { DirectoryState } from './state.ts'

type Client = DirectoryState['clients'][string]

/**
 * The directory as an operator sees it: their tenants' things, and what is of all tenants for whoever operates all. Hashes of secrets are
 * no secrets, and still nobody needs them.
 */
export function directoryView(operator: Operator, { version, state }: VersionedDirectory) {
  const all = seesTenant(operator, null)
  const ofTheirs = <T extends { tenant: string }>(entries: Readonly<Record<string, T>>) =>
    only(entries, (_, { tenant }) => seesTenant(operator, tenant))
  return {
    version,
    tenants: only(state.tenants, (id) => seesTenant(operator, id)),
    clients: mapped(ofTheirs(state.clients), clientView),
    budgets: ofTheirs(state.budgets),
    bundle_readers: all ? mapped(state.bundle_readers, ({ zone }) => ({ zone, has_secret: true })) : {},
    lifted: all ? state.lifted : [],
    removed_keys: all ? state.removed_keys : {},
  }
}

export function changeView({ version, atMs, by, reason, tenant, change }: RecordedChange) {
  return { version, at: new Date(atMs).toISOString(), by, reason, tenant, change: shownChange(change) }
}

export function clientView({ secret_sha256, ...shown }: Client) {
  return { ...shown, has_secret: secret_sha256 !== undefined }
}

function shownChange(change: DirectoryChange): object {
  switch (change.kind) {
    case 'put_client':
    case 'put_bundle_reader': {
      const { secret_sha256, ...fields } = { secret_sha256: undefined, ...change.fields }
      return { ...change, fields: { ...fields, has_secret: secret_sha256 !== undefined } }
    }
    case 'import':
      // The texts are long, and hold hashes.
      return { kind: change.kind, files: (['tenants', 'clients'] as const).filter((file) => change[file] !== undefined) }
    default:
      return change
  }
}

const mapped = <T, R>(entries: Readonly<Record<string, T>>, view: (entry: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(entries).map(([id, entry]) => [id, view(entry)]))

const only = <T>(entries: Readonly<Record<string, T>>, keep: (id: string, entry: T) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(entries).filter(([id, entry]) => keep(id, entry)))
