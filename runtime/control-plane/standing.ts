import type { Clock } from '../model/ports.ts'
import type { Attester, Grant, Issuer } from '../policy/directory.ts'
import type { Cell } from './cell.ts'
import { nextIssuer } from './issuer-keys.ts'
import type { LastKnown } from './last-known.ts'

/** What directories say beside what operators keep: it follows from the regions' keys and from the day. */
export interface Standing {
  issuers: readonly Issuer[]
  attesters: readonly Attester[]
  /** Budget grants of today and the days ahead. */
  grants: readonly Grant[]
}

export interface KeysOptions {
  cells: readonly Cell[]
  memory: LastKnown
  clock: Clock
  /** How long a token key stays listed after its successor: the longest life of a token, clock skew and propagation. */
  keyOverlapMs: number
  /** Whether a region has the directories that were signed last. */
  confirmed: (cell: Cell) => boolean
}

/** The regions' public keys, as directories list them. */
export interface RegionKeys {
  /** Asks every region's KMS. One that is away keeps what it was known by. @returns whether all have shown all their keys */
  refresh(): Promise<boolean>
  /** @param removed keys that must never be listed again */
  list(removed: (region: string) => readonly string[]): { issuers: Issuer[]; attesters: Attester[] }
}

export function regionKeys({ cells, memory, clock, keyOverlapMs: overlapMs, confirmed }: KeysOptions): RegionKeys {
  let asked = new Map<string, { issuer: Issuer | undefined; attester: Attester | undefined }>()
  return {
    async refresh() {
      const answers = await Promise.all(
        cells.map(async (cell) => {
          const [issuer, attester] = await Promise.allSettled([cell.readIssuer(), cell.readAttester()])
          return [cell.region, { issuer: settledValue(issuer), attester: settledValue(attester) }] as const
        }),
      )
      asked = new Map(answers)
      return answers.every(([, { issuer, attester }]) => issuer !== undefined && attester !== undefined)
    },
    list: (removed) => ({
      issuers: cells.flatMap((cell) => {
        const issuer = nextIssuer({
          asked: asked.get(cell.region)?.issuer,
          known: memory.issuer(cell.region),
          removed: removed(cell.region),
          confirmed: confirmed(cell),
          nowMs: clock.now(),
          overlapMs,
        })
        return issuer === undefined ? [] : [issuer]
      }),
      attesters: cells.flatMap(({ region }) => asked.get(region)?.attester ?? memory.attester(region) ?? []),
    }),
  }
}

const settledValue = <T>(settled: PromiseSettledResult<T>): T | undefined => (settled.status === 'fulfilled' ? settled.value : undefined)
