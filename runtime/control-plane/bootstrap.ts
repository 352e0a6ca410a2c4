import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../policy/file-hashes.ts'
import { sourcesIn } from '../policy/sources.ts'
import { changeAnyVersion } from './directory/desk.ts'
import { DirectoryRefusedError } from './directory/refusals.ts'
import type { Plane } from './plane.ts'
import type { Registration } from './registration.ts'

export interface BootstrapOptions {
  plane: Plane
  registration: Registration
  documentsDir: string
  policiesDir: string
  log: (event: object) => void
}

const PUBLISHES = new Set(['published', 'rolled_back'])
const STARTUP = { iss: '', sub: 'startup' }

/**
 * Takes over a folder of documents as it stands: what one machine starts with. Tenants and clients are imported where their files have changed
 * since they were imported last; policy that was edited since the last start is served everywhere at once, as no gateway serves yet. Policy
 * that was ever published is not: it was taken back since, and a process that starts anew decides nothing over people's heads. Nor does it end
 * a rollout.
 * @throws PolicyRefusedError and others: what was active stays active
 */
export async function bootstrap({ plane, registration, documentsDir, policiesDir, log }: BootstrapOptions): Promise<void> {
  const imported = async (part: 'tenants' | 'clients') => {
    const file = join(documentsDir, `${part}.yaml`)
    if (!existsSync(file)) return
    const text = readFileSync(file, 'utf8')
    const { state } = await plane.directory.of(plane.kernel.state())
    if (state.imported[part] === sha256(text)) return
    await changeAnyVersion(plane.directory, {
      change: { kind: 'import', [part]: text },
      by: STARTUP,
      reason: `${part}.yaml as it is at the start`,
    })
    log({ event: 'imported', file: `${part}.yaml` })
  }

  // A tenant that is gone may still be named by what is active: then its documents go first.
  const refused = await imported('tenants').then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof DirectoryRefusedError) return error
      throw error
    },
  )
  const files = Object.fromEntries(sourcesIn({ documentsDir, policiesDir }))
  const { record } = await registration.register({
    files,
    author: STARTUP.sub,
    reason: 'the documents as they are at the start',
    commit: null,
  })
  const { active, rollout } = plane.kernel.state()
  const wasPublished = async () =>
    (await plane.ledger.acts()).some(({ kind, facts }) => PUBLISHES.has(kind) && facts.revision === record.revision)
  if (active !== null && active.revision !== record.revision && (rollout !== null || (await wasPublished())))
    log({ event: 'kept', active: active.revision, documents: record.revision, detail: 'aegis policy publish rolls out the documents' })
  else if (active?.revision !== record.revision)
    await plane.publishing.atOnce({
      to: record.revision,
      by: STARTUP.sub,
      reason: 'the documents as they are at the start',
      kind: 'published',
    })
  if (refused !== undefined) await imported('tenants')
  await imported('clients')
}
