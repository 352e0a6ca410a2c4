/** What a directed link does to what travels on it. `blackhole` holds it until the link is ok again, as TCP's retransmission would. */
export interface LinkFault {
  mode: 'ok' | 'blackhole' | 'reset'
  /** Added to the way in this direction. */
  extraMs?: number
}

/** The directed links between all places. */
export interface Links {
  fault(from: string, to: string): LinkFault
  /** One way, now, for open connections too. */
  delayMs(from: string, to: string): number
  set(from: string, to: string, fault: LinkFault): void
  /** Cuts a place off from every other, both ways. What stays inside it still works. */
  isolate(place: string, mode: 'blackhole' | 'reset'): void
  /** Makes every link ok. */
  restore(): void
  /** Called after each change. */
  onChange(listener: () => void): () => void
}

const OK: LinkFault = { mode: 'ok' }

export function createLinks(rttMs: (from: string, to: string) => number): Links {
  const faults = new Map<string, LinkFault>()
  const isolated = new Map<string, 'blackhole' | 'reset'>()
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of [...listeners]) listener()
  }
  // A link that was set by hand keeps its fault when a region around it is isolated; the worse of the two holds.
  const fault = (from: string, to: string): LinkFault => {
    const own = faults.get(`${from} ${to}`) ?? OK
    if (from === to || own.mode !== 'ok') return own
    const mode = isolated.get(from) ?? isolated.get(to)
    return mode === undefined ? own : { ...own, mode }
  }
  return {
    fault,
    delayMs: (from, to) => rttMs(from, to) / 2 + (fault(from, to).extraMs ?? 0),
    set: (from, to, link) => {
      faults.set(`${from} ${to}`, link)
      changed()
    },
    isolate: (place, mode) => {
      isolated.set(place, mode)
      changed()
    },
    restore: () => {
      faults.clear()
      isolated.clear()
      changed()
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
