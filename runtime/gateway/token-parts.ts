import type { KMSClient } from '@aws-sdk/client-kms'
import type { FastifyPluginAsync } from 'fastify'
import type { EventLog } from '../evidence/event.ts'
import { kmsSigner } from '../identity/kms-signer.ts'
import { listsKey, rotatingSigner } from '../identity/rotating-signer.ts'
import { tokenService } from '../identity/token-service.ts'
import { AegisError } from '../model/codes.ts'
import type { Clock } from '../model/ports.ts'
import type { ActivePolicy } from './active-policy.ts'
import type { GatewayConfig } from './config.ts'
import { tokenServiceDoor } from './doors/token-service.ts'
import type { KillSwitches } from './region/kill-switches.ts'

export interface TokenSurroundings {
  kms: KMSClient
  active: () => ActivePolicy | undefined
  clock: Clock
  kills: Pick<KillSwitches, 'hit' | 'revoked'>
  events: EventLog
  log: (event: object) => void
}

/** Part of a gateway's places that the token service may take: its callers are not known before their body is read. */
const STRANGERS = 4

/** The region's token service, signing with the newest key that the directory in force lists and nobody has killed. */
export function tokenParts(config: GatewayConfig, { kms, active, clock, kills, events, log }: TokenSurroundings) {
  const { region, zone, regionUrl, zoneUrl, globalUrl, mtlsHeader } = config
  const signer = rotatingSigner({
    resolve: () => kmsSigner(kms, config.keys.token),
    usable: (keyId) => listsKey(active(), regionUrl, keyId) && !kills.revoked(keyId, ''),
    log,
  })
  const service = tokenService({
    zone,
    regionUrl,
    zoneUrl,
    globalUrl,
    active,
    signer: signer.current,
    // A service that does not know yet what is killed gives no tokens.
    killed: ({ tenant, agent }) => unknownIsKilled(() => kills.hit({ tenant, agent, tool: '', region }) !== undefined),
    clock,
  })
  const door: FastifyPluginAsync = tokenServiceDoor({
    service,
    active,
    zone,
    regionUrl,
    mtlsHeader,
    maxInFlight: Math.max(1, Math.floor(config.maxInFlight / STRANGERS)),
    issued: ({ agent, tenant, tokenId, expiresInS }) =>
      events.write({ kind: 'token.issued', actor: agent, tenant, facts: { token_id: tokenId, expires_in_s: expiresInS } }),
  })
  return { door, start: signer.start, refresh: signer.refresh }
}

function unknownIsKilled(ask: () => boolean): boolean {
  try {
    return ask()
  } catch (error) {
    if (error instanceof AegisError && error.code === 'not_ready') return true
    throw error
  }
}
