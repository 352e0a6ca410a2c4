import { deployment as input } from '../../config/deployment.ts'
import { resolveDeployment } from '../../config/resolve.ts'
import { POLICIES_DIR } from '../../runtime/policy/build.ts'
import type { CompileContext } from '../../runtime/policy/compiler.ts'
import { loadDocuments } from '../../runtime/policy/documents.ts'
import { knownBuilt } from '../../runtime/policy/modules.ts'
import { type Sources, sourcesIn } from '../../runtime/policy/sources.ts'

/** Sources, tenants and clients of the demo. */
export const demoSources: Sources = sourcesIn({ documentsDir: 'demo', policiesDir: POLICIES_DIR })

const { tenants, clients } = loadDocuments('demo')

/** As a control plane of the demo compiles, on a machine without opa. */
export const demoContext: CompileContext = {
  tenants,
  clients,
  zones: Object.fromEntries(Object.entries(resolveDeployment(input).zones).map(([zone, { regions }]) => [zone, regions])),
  deployedHosts: undefined,
  knownModules: knownBuilt,
  opa: async () => undefined,
}

/** Changes one spot of one source: what an author's slip looks like. Throws when the spot is not there. */
export function edited(sources: Sources, path: string, from: string | RegExp, to: string): Sources {
  const text = sources.get(path) ?? ''
  const changed = text.replace(from, () => to)
  if (changed === text) throw new Error(`${path} has no ${from}`)
  return new Map(sources).set(path, changed)
}
