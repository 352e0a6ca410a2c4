import { KMSClient } from '@aws-sdk/client-kms'
import { cellNames, publicNames } from '../../../config/names.ts'
import type { Deployment } from '../../../config/schema.ts'
import { signAccessToken } from '../../identity/access-token.ts'
import { type KmsSigner, kmsSigner } from '../../identity/kms-signer.ts'
import type { Tenant } from '../../model/zones.ts'
import { agentIds } from '../../policy/agent-document.ts'
import type { Documents } from '../../policy/documents.ts'
import { demoClaims } from './tokens.ts'

export interface TokenOrder {
  agent: string
  /** Region that issues it. Default: the tenant's home; where that was left out of the start, the first of its zone that runs. */
  issuerRegion?: string | undefined
  /** Claims in place of those that the agent would get: what attacks are tried with. */
  aud?: string | undefined
  zone?: string | undefined
}

export interface DemoTokens {
  /** A fresh token of every agent whose issuer runs. Those whose issuer is away keep the one they have. */
  refresh(): Promise<Record<string, string>>
  /** @throws Error when there is no such agent, or its issuer does not answer */
  issue(order: TokenOrder): Promise<string>
}

interface Cells {
  served: readonly { region: string; zone: string }[]
  /** Base URL of a region's keys. */
  endpoint: (region: string) => string
}

/** Stands in for the token service: signs as a region does, with its own token key in its own KMS. */
export function demoTokens(deployment: Deployment, documents: Documents, { served, endpoint }: Cells): DemoTokens {
  const names = publicNames(deployment)
  const tenants = new Map(documents.tenants.map((tenant) => [tenant.id, tenant]))
  const tenantOfAgent = new Map(documents.agents.flatMap((document) => agentIds(document).map((id) => [id, document.tenant] as const)))
  const signers = new Map<string, Promise<KmsSigner>>()
  const held: Record<string, string> = {}

  const signerOf = (region: string) => {
    const zone = served.find((cell) => cell.region === region)?.zone
    if (zone === undefined) throw new Error(`region ${region} does not run here`)
    const known = signers.get(region)
    if (known !== undefined) return known
    const client = new KMSClient({
      region,
      endpoint: endpoint(region),
      credentials: STAND_IN,
      maxAttempts: 1,
      requestHandler: { requestTimeout: 2000 },
    })
    const made = kmsSigner(client, cellNames(deployment, region, zone).signingKey('token'))
    signers.set(region, made)
    // A region that was away is asked anew the next time.
    made.catch(() => signers.delete(region))
    return made
  }

  const issue = async ({ agent, issuerRegion, aud, zone }: TokenOrder) => {
    const tenant = tenants.get(tenantOfAgent.get(agent) ?? '')
    if (tenant === undefined) throw new Error(`no document names agent ${JSON.stringify(agent)}`)
    const issuer = issuerRegion ?? issuerOf(tenant, served)
    if (issuer === undefined) throw new Error(`no region of zone ${tenant.zone} runs here`)
    const claims = demoClaims({ agentId: agent, tenant, issuerRegion: issuer, nowMs: Date.now() }, names)
    return signAccessToken({ ...claims, ...(aud !== undefined && { aud }), ...(zone !== undefined && { zone }) }, await signerOf(issuer))
  }

  return {
    issue,
    async refresh() {
      await Promise.all(
        [...tenantOfAgent.keys()].map(async (agent) => {
          const token = await issue({ agent }).catch(() => undefined)
          if (token !== undefined) held[agent] = token
        }),
      )
      return { ...held }
    },
  }
}

/** @returns undefined when no region of the tenant's zone runs */
export function issuerOf(
  { homeRegion, zone, binding }: Pick<Tenant, 'homeRegion' | 'zone' | 'binding'>,
  served: Cells['served'],
): string | undefined {
  const possible = binding === 'none' ? served : served.filter((cell) => cell.zone === zone)
  return (possible.find(({ region }) => region === homeRegion) ?? possible[0])?.region
}

const STAND_IN = { accessKeyId: 'local', secretAccessKey: 'local' }
