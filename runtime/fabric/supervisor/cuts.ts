import { nowMs } from './events.ts'

/** Which regions are cut off from which. */
export interface CutLinks {
  /** Pairs of regions between which nothing passes, either way. */
  between: [string, string][]
  /** Regions that reach no place at all, and that no place reaches. */
  isolated: string[]
}

/** Partitions: regions that live and serve whoever reaches them, and do not hear of each other. */
export interface Cuts {
  /** Cuts these regions off from one another; clients still reach all of them. */
  between(regions: readonly string[]): Promise<CutAnswer>
  /** Cuts a region off from every other place, its clients included. */
  isolate(region: string): Promise<CutAnswer>
  /** Everything is connected again. */
  mend(): Promise<{ at_ms: number; done_at_ms: number }>
  /** Peers that nothing is sent to from this region: what its stores have to know when they start again. */
  pausedPeers(region: string): string[]
  current(): CutLinks
}

/** Wire shape of the control API. */
export interface CutAnswer extends CutLinks {
  at_ms: number
  done_at_ms: number
}

export interface CutsOptions {
  /** Regions that run here. */
  regions: readonly string[]
  /** Tells the wide-area network which links are cut, whole. */
  cutLinks: (links: CutLinks) => Promise<void>
  /** Stops or resumes replication from a region to a peer. A region that is down learns it when it starts. */
  replicate: (region: string, peer: string, paused: boolean) => Promise<void>
}

export function regionCuts({ regions, cutLinks, replicate }: CutsOptions): Cuts {
  let links: CutLinks = { between: [], isolated: [] }
  const pausedPeers = (region: string) => regions.filter((peer) => peer !== region && separates(links, region, peer))

  /** Both halves at once: a write that replication still carries while the network is cut would make the partition a lie. */
  const change = async (next: CutLinks) => {
    const at = nowMs()
    const before = new Map(regions.map((region) => [region, pausedPeers(region)]))
    links = next
    const moves = regions.flatMap((region) => {
      const [was, is] = [before.get(region) ?? [], pausedPeers(region)]
      return [
        ...is.filter((peer) => !was.includes(peer)).map((peer) => replicate(region, peer, true)),
        ...was.filter((peer) => !is.includes(peer)).map((peer) => replicate(region, peer, false)),
      ]
    })
    await Promise.all([cutLinks(links), ...moves])
    return { at_ms: at, done_at_ms: nowMs() }
  }

  return {
    async between(named) {
      const added = named.flatMap((one, index) => named.slice(index + 1).map((other): [string, string] => [one, other]))
      const news = added.filter(([one, other]) => !links.between.some((pair) => pair.includes(one) && pair.includes(other)))
      return { ...(await change({ ...links, between: [...links.between, ...news] })), ...links }
    },
    async isolate(region) {
      return { ...(await change({ ...links, isolated: [...new Set([...links.isolated, region])] })), ...links }
    },
    mend: () => change({ between: [], isolated: [] }),
    pausedPeers,
    current: () => links,
  }
}

function separates({ between, isolated }: CutLinks, one: string, other: string): boolean {
  return isolated.includes(one) || isolated.includes(other) || between.some((pair) => pair.includes(one) && pair.includes(other))
}
