import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { plannedRegions } from '../../../config/deployed-zones.ts'
import { sharedNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import { type Documents, loadDocuments } from '../../policy/documents.ts'
import { checkTenants } from '../../policy/tenants.ts'
import { type Site, sitesOf } from '../demo/sites.ts'
import { ensureKeys } from '../stores/keys/key-store.ts'
import { ensureToolCertificate, type ToolCertificate } from './authority.ts'
import { childEnvironment } from './config.ts'
import { writePrivately } from './files.ts'
import type { StateLayout } from './layout.ts'
import { ensureOutside, type Outside } from './outside.ts'
import { type Assembly, synthesize } from './synthesis.ts'
import { UsageError } from './usage-error.ts'

// What is made before any process starts: documents read, folders cleaned, keys and certificates, templates.

export const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** @throws DocumentError or UsageError with a line for each fault: nothing has been started then */
export function readDocuments(deployment: Deployment): { documents: Documents; documentsDir: string } {
  const { documentsDir: configured } = deployment
  const documentsDir = isAbsolute(configured) ? configured : join(repository, configured)
  const documents = loadDocuments(documentsDir)
  const faults = checkTenants(documents.tenants, plannedRegions(deployment))
  if (faults.length > 0) throw new UsageError(faults.map((fault) => `${join(configured, 'tenants.yaml')}: ${fault}`).join('\n'))
  return { documents, documentsDir }
}

/** Removes what a crashed fabric left, and with `reset` everything but keys, certificates and synthesized templates. */
export function clearState(layout: StateLayout, reset: boolean): void {
  mkdirSync(layout.root, { recursive: true, mode: 0o700 })
  for (const file of [layout.fabricFile, layout.supervisorFile]) rmSync(file, { force: true })
  if (reset) for (const folder of [layout.data, layout.spools, layout.logs]) rmSync(folder, { recursive: true, force: true })
}

/** The control plane's signing key, made at the first start. @returns the file with its public half, which templates carry as trust root */
export async function ensureTrustRoot(deployment: Deployment, layout: StateLayout): Promise<string> {
  const [key] = await ensureKeys({
    keysDir: layout.keys('control'),
    region: deployment.homeRegion,
    account: deployment.accounts.control,
    aliases: [sharedNames(deployment).bundleSigningKey],
  })
  const jwk = key?.publicKey.export({ format: 'jwk' }) as JWK
  const jwks = JSON.stringify({ keys: [{ ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }] })
  if (!existsSync(layout.trustFile) || readFileSync(layout.trustFile, 'utf8') !== jwks) writePrivately(layout.trustFile, jwks, 0o644)
  return layout.trustFile
}

/** Every server outside the cells, and the one certificate that all of them show. */
export async function ensureSites(
  deployment: Deployment,
  documents: Documents,
  layout: StateLayout,
): Promise<{ sites: Site[]; outside: Outside; certificate: ToolCertificate }> {
  const outside = await ensureOutside(deployment, layout)
  const tools = sitesOf({
    tools: documents.tools,
    egress: documents.agents.flatMap(({ egress }) => egress),
    zones: plannedRegions(deployment),
    elsewhere: deployment.homeRegion,
  })
  const sites = [...tools, outside.hooks]
  const certificate = await ensureToolCertificate(
    layout.authority,
    [...sites, outside.login].map(({ host }) => host),
  )
  return { sites, outside, certificate }
}

export function ensureAssembly(layout: StateLayout, trustFile: string, documentsDir: string, signal: AbortSignal): Promise<Assembly> {
  return synthesize({ repository, cacheDir: layout.syntheses, trustFile, documentsDir, env: childEnvironment(), signal })
}
