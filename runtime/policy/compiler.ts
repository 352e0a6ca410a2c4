import { agentIds } from './agent-document.ts'
import { type DocumentFiles, readDocumentFiles, textsFrom } from './document-files.ts'
import { checkedDocuments, DocumentError, type Documents, type People, revisionOf } from './documents.ts'
import { DOCUMENT_RULES } from './lint/document-rules.ts'
import { lintDocuments } from './lint/lint-documents.ts'
import { moduleFiles } from './lint/module-files.ts'
import type { DeployedHosts } from './lint/rule.ts'
import { buildModules, changedSinceBuilt, checkModules, type Modules, modulesOf } from './modules.ts'
import { OPA_VERSION } from './opa.ts'
import { probe } from './probe.ts'
import { PolicyRefusedError } from './refused.ts'
import { checkedSources, type Sources } from './sources.ts'
import type { DocumentFault } from './yaml-file.ts'

/** What sources are compiled beside. */
export interface CompileContext extends People {
  /** Regions by zone, of the deployment. */
  zones: Readonly<Record<string, readonly string[]>>
  /** Undefined where nobody knows what the deployed allowlists hold: then hosts are not compared, and the check says so. */
  deployedHosts: DeployedHosts
  /** Modules that were checked and built before, by their `digest`. */
  knownModules(digest: string): Modules | undefined | Promise<Modules | undefined>
  /** Path of an opa of the pinned version. Asked only for Rego that is not known. */
  opa(): Promise<string | undefined>
}

/** A step that sources passed. */
export interface Check {
  name: 'sources' | 'documents' | 'lint' | 'hosts' | 'rego' | 'module'
  ok: true
  detail: string
}

/** A policy that may be signed. */
export interface CompiledPolicy {
  /** 16 hex digits over modules and documents. */
  revision: string
  documents: Documents
  modules: Modules
  checks: readonly Check[]
}

/**
 * Compiles sources: YAML, lint, Rego, module. Rego that is known is reused and needs no opa. The same sources and context give the same result.
 *
 * @throws PolicyRefusedError with everything that the first failing step found; documents come first, as they take no time
 */
export async function compilePolicy(given: Sources, context: CompileContext): Promise<CompiledPolicy> {
  const sources = checkedSources(Object.fromEntries(given))
  const files = readDocumentFiles(textsFrom(sources))
  const documents = checked(files, context)
  refuse([...lintDocuments(files, documents, context), ...foreignClients(files, context), ...moduleFiles.check(sources)])
  const rego = await modulesFrom(sources, context)
  const module = await probed(rego.modules, documents, context)
  return {
    revision: revisionOf(rego.modules.wasm, documents),
    documents,
    modules: rego.modules,
    checks: [...documentChecks(sources, documents, context), rego.check, module],
  }
}

function checked(files: DocumentFiles, { tenants, clients }: CompileContext): Documents {
  try {
    return checkedDocuments(files, { tenants, clients })
  } catch (error) {
    if (error instanceof DocumentError) throw new PolicyRefusedError(error.faults)
    throw error
  }
}

/** A client gets tokens for its agent's tenant: a document that gives the agent to another one would lock it out, or in. */
function foreignClients({ agents }: DocumentFiles, { clients }: CompileContext): DocumentFault[] {
  const tenantOf = new Map(clients.map(({ agent, tenant }) => [agent, tenant]))
  return agents.flatMap(({ value, fault }) => {
    if (value === undefined) return []
    const foreign = agentIds(value).filter((id) => tenantOf.has(id) && tenantOf.get(id) !== value.tenant)
    return foreign.map((id) =>
      fault(['tenant'], `the client of ${id} in the directory belongs to tenant ${tenantOf.get(id)}; change it there first`),
    )
  })
}

/** Known modules where the Rego is theirs, checked anew where only its tests changed, built where it is new. */
async function modulesFrom(sources: Sources, context: CompileContext): Promise<{ modules: Modules; check: Check }> {
  const wanted = modulesOf(sources)
  const known = await context.knownModules(wanted.digest)
  const short = wanted.digest.slice(0, 12)
  if (known !== undefined && known.checked === wanted.checked)
    return { modules: known, check: passed('rego', `unchanged: module ${short} was checked and built before, opa is not needed`) }
  const opa = await opaFor(sources, context)
  const lines = await checkModules(sources, opa)
  if (known !== undefined) return { modules: { ...known, ...wanted }, check: passed('rego', `checks changed: ${lines.join('; ')}`) }
  try {
    return { modules: await buildModules(sources, opa), check: passed('rego', `changed: ${lines.join('; ')}; module ${short} was built`) }
  } catch (error) {
    throw new PolicyRefusedError([libraryFault((error as Error).message)])
  }
}

async function opaFor(sources: Sources, context: CompileContext): Promise<string> {
  const opa = await context.opa().catch((error: Error) => {
    // One is named that is no opa, or another version: whoever publishes hears of it, and not of a request that failed.
    throw new PolicyRefusedError([libraryFault(error.message)])
  })
  if (opa !== undefined) return opa
  const changed = changedSinceBuilt(sources)
  const more = changed.length > 1 ? ` (and ${changed.length - 1} more)` : ''
  const message = `Rego changed${more}, and opa ${OPA_VERSION} is not on the machine that compiles it; run npm run tools there, then try again`
  throw new PolicyRefusedError([{ ...libraryFault(message), file: changed[0] ?? 'modules/gateway' }])
}

async function probed({ wasm }: Modules, documents: Documents, { zones }: CompileContext): Promise<Check> {
  try {
    return passed('module', `${wasm.byteLength} bytes, ${await probe(wasm, documents, zones)} calls answered as expected`)
  } catch (error) {
    throw new PolicyRefusedError([libraryFault(`the module does not answer as it must: ${(error as Error).message}`)])
  }
}

function documentChecks(sources: Sources, { agents, tools, classes }: Documents, { deployedHosts }: CompileContext): Check[] {
  const bytes = [...sources.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const ids = agents.flatMap(agentIds).length
  const regions = deployedHosts?.map(({ region }) => region).join(', ')
  return [
    passed('sources', `${sources.size} files, ${bytes} bytes`),
    passed('documents', `${ids} agents, ${Object.keys(tools).length} tools, ${Object.keys(classes).length} data classes of your own`),
    passed('lint', `${DOCUMENT_RULES.length} rules`),
    regions === undefined
      ? passed('hosts', 'not compared: what the deployed allowlists hold is not known here')
      : passed('hosts', `every host is on the deployed allowlist of ${regions}`),
  ]
}

const passed = (name: Check['name'], detail: string): Check => ({ name, ok: true, detail })

function libraryFault(message: string): DocumentFault {
  return { file: 'modules/gateway', line: 1, column: 1, path: '', message: message.trim().replaceAll(/\s+/g, ' ') }
}

function refuse(faults: readonly DocumentFault[]): void {
  if (faults.length > 0) throw new PolicyRefusedError(faults)
}
