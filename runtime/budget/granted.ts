import type { Grant } from '../policy/directory.ts'
import type { SliceKey } from '../state/slice.ts'

/** The part of the signed directory that budgets are made from. */
export interface GrantsInForce {
  directorySeq: number
  grants: readonly Grant[]
}

/** What the directory in force grants, by budget. */
export interface Granted {
  /** What this region is granted; undefined when the directory says nothing about it. */
  here(key: SliceKey): { amount: number; directorySeq: number } | undefined
  /** What every region together is granted. */
  total(key: SliceKey): number
  /** The other regions that are granted a part. */
  peers(key: SliceKey): readonly string[]
  /** Regions that share any budget with this one. */
  neighbours(): readonly string[]
}

/** @param inForce the directory as it is now; undefined before the first */
export function grantedIn(region: string, inForce: () => GrantsInForce | undefined): Granted {
  let of: readonly Grant[] | undefined
  let index = new Map<string, Grant[]>()
  let neighbours: readonly string[] = []

  const current = () => {
    const now = inForce()
    if (now !== undefined && now.grants !== of) {
      of = now.grants
      index = Map.groupBy(now.grants, idOf)
      const shared = [...index.values()].filter((grants) => grants.some((grant) => grant.region === region)).flat()
      neighbours = [...new Set(shared.map((grant) => grant.region))].filter((other) => other !== region)
    }
    return now
  }

  const all = (key: SliceKey) => {
    current()
    return index.get(idOf(key)) ?? []
  }

  return {
    here(key) {
      const now = current()
      const grant = index.get(idOf(key))?.find((one) => one.region === region)
      return now === undefined || grant === undefined ? undefined : { amount: grant.amount, directorySeq: now.directorySeq }
    },
    total: (key) => all(key).reduce((sum, { amount }) => sum + amount, 0),
    peers: (key) => all(key).flatMap((grant) => (grant.region === region ? [] : [grant.region])),
    neighbours() {
      current()
      return neighbours
    },
  }
}

const idOf = ({ agent, period, unit }: SliceKey) => `${agent} ${period} ${unit}`
