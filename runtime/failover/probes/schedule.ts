/** Who calls how often. */
export interface Target {
  id: string
  perSecond: number
  freshEvery: number
  calls: readonly unknown[]
}

export interface Arrival {
  client: string
  dueMs: number
  /** Index into the client's calls. */
  call: number
  connection: 'fresh' | 'kept'
}

/**
 * Every arrival of all targets in order of time, without end. A fixed rate, whatever became of earlier calls:
 * clients that wait for an answer before they ask again would hide an outage behind their own patience.
 */
export function* arrivalsFrom(targets: readonly Target[], startMs: number): Generator<Arrival, never> {
  // Clients start a part of their period apart, so that they do not all call in the same millisecond.
  const next = targets.map((target, index) => ({ target, dueMs: startMs + (index / targets.length) * periodMs(target), sent: 0 }))
  for (;;) {
    const soonest = next.reduce((first, other) => (other.dueMs < first.dueMs ? other : first))
    const { target, dueMs, sent } = soonest
    const fresh = sent % target.freshEvery === target.freshEvery - 1
    const freshBefore = Math.floor(sent / target.freshEvery)
    // Each kind of connection takes the calls in turn for itself, so that every call meets both kinds.
    const turn = fresh ? freshBefore : sent - freshBefore
    yield { client: target.id, dueMs, call: turn % target.calls.length, connection: fresh ? 'fresh' : 'kept' }
    soonest.sent += 1
    soonest.dueMs += periodMs(target)
  }
}

function periodMs({ perSecond }: Target): number {
  return 1000 / perSecond
}
