import { randomBytes } from 'node:crypto'
import { AegisError } from '../../model/codes.ts'
import type { Clock } from '../../model/ports.ts'
import type { Kill, KillScope, KillStore } from '../../state/kills.ts'
import { repeat } from './repeat.ts'

export type { Kill, KillScope } from '../../state/kills.ts'

/**
 * The kill switches that this process knows. They only restrict, so they need no signature, are never forgotten while the process lives,
 * and hold through every failure to read them again. Only the signed directory lifts one.
 */
export interface KillSwitches {
  /** The switch that stops such a call. Lookups in memory. @throws AegisError not_ready while none were ever read */
  hit(of: { tenant: string; agent: string; tool: string; region: string }): Kill | undefined
  /** Whether the key that signed a token, or the token itself, is stopped. @throws AegisError not_ready like `hit` */
  revoked(keyId: string, tokenId: string): boolean
  /** Whether the switches were ever read: until then every call is refused. */
  known(): boolean
  /** All that are known, the lifted ones too, oldest first. */
  list(): readonly Kill[]
  /**
   * Stops something. It holds in this process at once, and everywhere when it has travelled.
   * @throws AegisError state_unavailable: it holds in this process only, which goes on trying to write it
   */
  throw(kill: { scope: KillScope; reason: string; by: string }): Promise<Kill>
  /** One look at the table. Never rejects: what fails leaves everything that is known in force. */
  refresh(): Promise<void>
  start(intervalMs: number): () => Promise<void>
}

export interface KillSwitchOptions {
  region: string
  store: KillStore
  clock: Clock
  /** Ids that the directory in force has lifted. */
  lifted: () => ReadonlySet<string> | undefined
  log: (event: { event: 'kills_unreachable' | 'kills_unreadable'; detail: string }) => void
}

export function createKillSwitches({ region, store, clock, lifted, log }: KillSwitchOptions): KillSwitches {
  const thrown = new Map<string, Kill>()
  const unwritten = new Map<string, Kill>()
  let everRead = false
  let inForce = new Map<string, Kill>()
  let liftedThen: ReadonlySet<string> | undefined

  const arrange = () => {
    liftedThen = lifted()
    inForce = new Map()
    for (const kill of thrown.values()) if (!liftedThen?.has(kill.id)) inForce.set(placeOf(kill.scope.type, kill.scope.id), kill)
  }
  const current = () => {
    if (!everRead) throw new AegisError('not_ready', 'the kill switches were not read yet')
    if (lifted() !== liftedThen) arrange()
    return inForce
  }
  const unreachable = (error: unknown) => log({ event: 'kills_unreachable', detail: String(error) })
  const writeRest = async () => {
    for (const kill of unwritten.values()) {
      await store.insert(kill)
      unwritten.delete(kill.id)
    }
  }

  const refresh = async () => {
    await writeRest().catch(unreachable)
    try {
      const { kills, unreadable } = await store.readAll()
      if (unreadable > 0) log({ event: 'kills_unreadable', detail: `${unreadable} items are no kill switch` })
      const news = kills.filter(({ id }) => !thrown.has(id))
      for (const kill of news) thrown.set(kill.id, kill)
      if (news.length > 0) arrange()
      everRead = true
    } catch (error) {
      unreachable(error)
    }
  }

  return {
    hit({ tenant, agent, tool, region }) {
      const kills = current()
      if (kills.size === 0) return undefined
      return (
        kills.get(placeOf('region', region)) ??
        kills.get(placeOf('tenant', tenant)) ??
        kills.get(placeOf('agent', agent)) ??
        kills.get(placeOf('tool', tool))
      )
    },
    revoked(keyId, tokenId) {
      const kills = current()
      return kills.size > 0 && (kills.has(placeOf('key', keyId)) || kills.has(placeOf('token', tokenId)))
    },
    known: () => everRead,
    list: () => [...thrown.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    async throw({ scope, reason, by }) {
      const atMs = clock.now()
      const kill: Kill = { id: newKillId(atMs), scope, reason, by, atMs, region }
      thrown.set(kill.id, kill)
      arrange()
      try {
        await store.insert(kill)
        return kill
      } catch (cause) {
        unwritten.set(kill.id, kill)
        const detail = `the kill switch ${kill.id} holds in one process of ${region} only until the table answers again; throw it elsewhere too`
        throw new AegisError('state_unavailable', detail, { cause })
      }
    },
    refresh,
    start: (intervalMs) => repeat(refresh, intervalMs),
  }
}

const placeOf = (type: KillScope['type'], id: string) => `${type}:${id}`

function newKillId(atMs: number): string {
  return `kil-${atMs.toString(16).padStart(12, '0')}-${randomBytes(10).toString('hex')}`
}
