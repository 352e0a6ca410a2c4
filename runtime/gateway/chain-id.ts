import { createHmac, hash, timingSafeEqual } from 'node:crypto'

/** `hash`: which chain of the tenant it is; it names nobody. */
export interface ChainId {
  region: string
  hash: string
}

const PART_CHARACTERS = 22
const CHAIN_ID = /^chn\.([a-z0-9-]{1,63})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})$/

/** @param session the token's; undefined: the agent's ambient chain, which all its tokens without a session share */
export function chainHash(tenant: string, agent: string, session: string | undefined): string {
  return hash('sha256', JSON.stringify([tenant, agent, session ?? null]), 'base64url').slice(0, PART_CHARACTERS)
}

/** `chn.<region>.<hash>.<mac>`: 132 bits of HMAC-SHA-256 by the region's secret, so that nobody makes up the id of another's chain. */
export function chainIdOf(secret: Uint8Array, tenant: string, { region, hash }: ChainId): string {
  return `chn.${region}.${hash}.${macOf(secret, tenant, { region, hash })}`
}

export interface ChainNames {
  of(tenant: string, agent: string, session: string | undefined): ChainId & { id: string }
}

const NAMES_MAX = 10_000

/** Ids of the chains that were lately in use: two hashes a call would be a good part of what a decision costs. */
export function chainNames(secret: Uint8Array, region: string): ChainNames {
  const names = new Map<string, ChainId & { id: string }>()
  return {
    of(tenant, agent, session) {
      const key = JSON.stringify([tenant, agent, session])
      const known = names.get(key)
      if (known !== undefined) return known
      const hash = chainHash(tenant, agent, session)
      const made = { region, hash, id: chainIdOf(secret, tenant, { region, hash }) }
      if (names.size >= NAMES_MAX) names.clear()
      names.set(key, made)
      return made
    },
  }
}

/** @returns undefined when the id is forged, of another tenant or of another region */
export function verifyChainId(text: string, secret: Uint8Array, tenant: string, region: string): ChainId | undefined {
  const [, of, hash, mac] = CHAIN_ID.exec(text) ?? []
  if (of !== region || hash === undefined || mac === undefined) return undefined
  const expected = macOf(secret, tenant, { region, hash })
  return timingSafeEqual(Buffer.from(mac), Buffer.from(expected)) ? { region, hash } : undefined
}

function macOf(secret: Uint8Array, tenant: string, { region, hash }: ChainId): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify([region, tenant, hash]))
    .digest('base64url')
    .slice(0, PART_CHARACTERS)
}
