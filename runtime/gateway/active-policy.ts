import { hash } from 'node:crypto'
import { isIP } from 'node:net'
import { Ajv, type ValidateFunction } from 'ajv'
import canonicalize from 'canonicalize'
import { createScanner, type Scanner } from '../dlp/scan.ts'
import type { AttestationKeys } from '../evidence/attestation.ts'
import type { Issuer, TrustedIssuers } from '../identity/verify-token.ts'
import type { JsonObject } from '../model/call.ts'
import type { Tenant } from '../model/zones.ts'
import type { ActiveBundle } from '../policy/bundle.ts'
import { type ActiveAgent, type Tool, type ToolAction, toolZones } from '../policy/bundle-data.ts'
import type { Client, Directory } from '../policy/directory.ts'
import type { PolicyEvaluator } from '../policy/evaluate.ts'
import type { PolicyInput } from '../policy/policy-io.ts'

/**
 * All that a decision is judged by: one verified bundle and one verified directory, made ready for lookups. Immutable;
 * activation builds the next one aside and swaps the reference, so every call is judged by exactly one.
 */
export interface ActivePolicy extends TrustedIssuers {
  revision: string
  bundleDigest: string
  directoryDigest: string
  bundleSeq: number
  directorySeq: number
  /** From when on bundle and directory were both issued, milliseconds since the epoch. */
  issuedAtMs: number
  /** When the first of bundle and directory expires. */
  notAfterMs: number
  evaluator: PolicyEvaluator
  /** Looks for the data classes that are built in and those that the documents add. */
  scanner: Scanner
  /** Names of the data classes that the documents add. */
  declaredClasses: ReadonlySet<string>
  /** The same for two policies whose documents add the same classes, found the same way: then both scanners find the same. */
  classesDigest: string
  agents: ReadonlyMap<string, ActiveAgent>
  tools: ReadonlyMap<string, ActiveTool>
  zones: Directory['zones']
  /** Regions of `zones` without a cell. */
  absent: ReadonlySet<string>
  /** Whose attestations of an export hold on arrival, by region. */
  attesters: ReadonlyMap<string, AttestationKeys & { zone: string }>
  grants: Directory['grants']
  /** Ids of kill switches that no longer hold. */
  lifted: ReadonlySet<string>
  /** By agent. */
  clients: ReadonlyMap<string, Client>
  /** What policy is told of each tenant, by id. */
  tenantFacts: ReadonlyMap<string, PolicyInput['tenant']>
  /** Zone of each region. */
  zoneOfRegion: ReadonlyMap<string, string>
}

export interface Endpoint {
  region: string
  url: string
  /** A name to resolve, or the address that the URL itself gives. */
  host: { name: string } | { addresses: readonly string[] }
}

export interface ActiveTool {
  /** Name of the credentials that the tool is called with. */
  credentialRef: string | null
  /** What the tool must serve as its own description; null when nobody pinned it. */
  definition: Tool['definition']
  /** By region. */
  endpoints: ReadonlyMap<string, Endpoint>
  actions: ReadonlyMap<string, ActiveAction>
}

export interface ActiveAction extends ToolAction {
  accepts: ValidateFunction
  /** What policy is told of the action: the same object for every call, so that it is serialized once. */
  facts: NonNullable<PolicyInput['tool']>
  /** The same when the tool is no longer the one that was registered. */
  driftedFacts: NonNullable<PolicyInput['tool']>
  /** SHA-256 of the schema's RFC 8785 form: an approval holds for this schema and no other. */
  schemaDigest: string
}

/** @throws when a tool's schema does not compile: such a bundle is not activated */
export function activePolicyOf(bundle: ActiveBundle, directory: Directory & { digest: string }, evaluator: PolicyEvaluator): ActivePolicy {
  const { scanner, classesDigest, actions } = preparedOf(bundle)
  return {
    revision: bundle.revision,
    bundleDigest: bundle.digest,
    directoryDigest: directory.digest,
    bundleSeq: bundle.seq,
    directorySeq: directory.seq,
    issuedAtMs: Math.min(bundle.notBeforeMs, directory.notBeforeMs),
    notAfterMs: Math.min(bundle.notAfterMs, directory.notAfterMs),
    evaluator,
    scanner,
    declaredClasses: new Set(bundle.classes.map(({ name }) => name)),
    classesDigest,
    agents: bundle.agents,
    tools: new Map([...bundle.tools].map(([name, tool]) => [name, activeTool(tool, directory, actions)])),
    zones: directory.zones,
    absent: new Set(directory.absent),
    attesters: new Map(
      directory.attesters.map(({ region, zone, approval, data_protection: dataProtection }) => [
        region,
        { zone, approval, dataProtection },
      ]),
    ),
    grants: directory.grants,
    lifted: new Set(directory.lifted),
    clients: new Map(directory.clients.map((client) => [client.agent, client])),
    zoneOfRegion: new Map(Object.entries(directory.zones).flatMap(([zone, regions]) => regions.map((region) => [region, zone] as const))),
    issuers: new Map(directory.issuers.map((issuer): [string, Issuer] => [issuer.iss, issuer])),
    tenants: directory.tenants,
    tenantFacts: new Map([...directory.tenants].map(([id, tenant]) => [id, factsOf(tenant)])),
  }
}

/** What of a bundle is costly to make and the same under every directory. */
interface Prepared {
  scanner: Scanner
  classesDigest: string
  actions: ReadonlyMap<ToolAction, Pick<ActiveAction, 'accepts' | 'schemaDigest'>>
}

// A directory comes every few minutes, with the same bundle: schemas are not compiled again for it.
const prepared = new WeakMap<ActiveBundle, Prepared>()

function preparedOf(bundle: ActiveBundle): Prepared {
  const known = prepared.get(bundle)
  if (known !== undefined) return known
  const actions = [...bundle.tools.values()].flatMap((tool) => [...tool.actions.values()])
  const made: Prepared = {
    scanner: createScanner({ custom: bundle.classes }),
    classesDigest: hash('sha256', JSON.stringify(bundle.classes)),
    actions: compiledOf(actions),
  }
  prepared.set(bundle, made)
  return made
}

type Compiled = Pick<ActiveAction, 'accepts' | 'schemaDigest'>

// Compiling holds up every call of the moment, and the next bundle mostly has the schemas of the last: of these (what is in force, a
// candidate, the one before) nothing is compiled again. By the digest of the text, so it does not matter whose they were.
const BUNDLES_KEPT = 3
let recent: readonly ReadonlyMap<string, Compiled>[] = []

function compiledOf(actions: readonly ToolAction[]): Prepared['actions'] {
  let ajv: Ajv | undefined
  const compile = (schema: JsonObject, schemaDigest: string): Compiled => {
    // Strict: an unknown keyword in a signed schema is a mistake that would otherwise check nothing.
    ajv ??= new Ajv({ strict: true, strictTypes: false, allErrors: false, validateFormats: false })
    return { accepts: ajv.compile(schema), schemaDigest }
  }
  const byDigest = new Map<string, Compiled>()
  const compiled = new Map<ToolAction, Compiled>()
  for (const action of actions) {
    const digest = digestOf(action.schema)
    const known = byDigest.get(digest) ?? recent.find((one) => one.has(digest))?.get(digest) ?? compile(action.schema, digest)
    byDigest.set(digest, known)
    compiled.set(action, known)
  }
  recent = [byDigest, ...recent].slice(0, BUNDLES_KEPT)
  return compiled
}

function activeTool(tool: Tool, directory: Directory, compiled: Prepared['actions']): ActiveTool {
  const zones = toolZones(tool, directory.zones)
  const activeAction = (name: string, action: ToolAction): ActiveAction => {
    const facts = { name: tool.name, action: name, effect: action.effect, zones, risk: action.risk, drift: false }
    const schema = compiled.get(action)
    if (schema === undefined) throw new Error(`the schema of ${tool.name}.${name} was not compiled`)
    return { ...action, ...schema, facts, driftedFacts: { ...facts, drift: true } }
  }
  return {
    credentialRef: tool.credentialRef,
    definition: tool.definition,
    endpoints: new Map([...tool.endpoints].map(([region, url]) => [region, { region, url, host: hostOf(url) }])),
    actions: new Map([...tool.actions].map(([name, action]) => [name, activeAction(name, action)])),
  }
}

function digestOf(schema: JsonObject): string {
  return hash('sha256', canonicalize(schema) ?? '')
}

function factsOf({ id, zone, homeRegion, binding, mode }: Tenant): PolicyInput['tenant'] {
  return { id, zone, home_region: homeRegion, binding, mode }
}

function hostOf(url: string): Endpoint['host'] {
  const { hostname } = new URL(url)
  const literal = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(literal) === 0 ? { name: hostname } : { addresses: [literal] }
}
