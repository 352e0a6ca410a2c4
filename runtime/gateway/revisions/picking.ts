import { hash } from 'node:crypto'
import type { Clock } from '../../model/ports.ts'
import type { ActivePolicy } from '../active-policy.ts'
import type { LiveCandidate } from './candidate.ts'

/** Whose calls a candidate decides: always the same agents, and with a larger share those of the smaller one and more. */
export interface Picking {
  /** @returns the candidate's policy when the agent is in its share, else the one in force */
  policyFor(agentId: string, inForce: ActivePolicy, candidate: LiveCandidate | undefined): ActivePolicy
}

/** Agents whose place is remembered. A call by one that is not costs a hash. */
const PLACES_MAX = 10_000
const HUNDRED = 100

export function createPicking(clock: Pick<Clock, 'now'>): Picking {
  let places = new Map<string, number>()
  let placesIn: string | undefined

  const placeOf = (agentId: string, rollout: string): number => {
    if (placesIn !== rollout || places.size >= PLACES_MAX) places = new Map()
    placesIn = rollout
    const known = places.get(agentId)
    if (known !== undefined) return known
    const place = placeIn(rollout, agentId)
    places.set(agentId, place)
    return place
  }

  return {
    policyFor(agentId, inForce, candidate) {
      if (candidate === undefined || candidate.sharePercent === 0) return inForce
      if (clock.now() >= candidate.policy.notAfterMs) return inForce
      return placeOf(agentId, candidate.rollout) < candidate.sharePercent ? candidate.policy : inForce
    },
  }
}

/** From 0 to 99, evenly: an agent's place in one rollout, and another one in the next. */
export function placeIn(rollout: string, agentId: string): number {
  return hash('sha256', `${rollout}\n${agentId}`, 'buffer').readUInt32BE(0) % HUNDRED
}
