import { publicNames } from '../../../config/names.ts'
import { type Deployment, regionsOf } from '../../../config/schema.ts'
import type { Site } from '../demo/sites.ts'
import type { IssuerSite } from '../identity/issuer-site.ts'
import { type OperatorIssuer, operatorIssuer } from '../identity/operator-issuer.ts'
import type { StateLayout } from './layout.ts'
import { ensureSecret } from './secrets.ts'

// What a company has of its own beside Aegis: an OpenID provider for the people who operate, and a service that hears of
// approvals. Both stand with the clients of the home region's zone, in no region: a region that is lost or cut off takes neither along.

export interface Outside {
  issuer: OperatorIssuer
  /** Without its place in the world, which is `place`. */
  login: IssuerSite
  hooks: Site
  /** JSON of AEGIS_NOTIFY: the gateways' webhook, with the key that signs its deliveries. */
  notify: string
  place: string
}

const HTTPS_PORT = 443

/** Its keys are made at the first start. */
export async function ensureOutside(deployment: Deployment, layout: StateLayout): Promise<Outside> {
  const names = publicNames(deployment)
  const place = regionsOf(deployment).find(({ region }) => region === deployment.homeRegion)?.zone ?? ''
  const issuerUrl = new URL(names.operatorIssuer)
  const issuer = await operatorIssuer({
    issuer: names.operatorIssuer,
    audience: names.operatorAudience,
    keysDir: layout.keys('login'),
    now: Date.now,
  })
  const hooks: Site = { host: `hooks.${new URL(names.operatorAudience).hostname}`, port: HTTPS_PORT, region: place }
  const target = { kind: 'webhook', url: `https://${hooks.host}/approvals`, key: 'fabric', secret: ensureSecret(layout.secret('hooks')) }
  return {
    issuer,
    login: { host: issuerUrl.hostname, port: Number(issuerUrl.port || HTTPS_PORT), documents: issuer.documents },
    hooks,
    notify: JSON.stringify([target]),
    place,
  }
}
