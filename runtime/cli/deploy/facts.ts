/** What is in AWS, as far as an order of stacks needs it. What nobody had to look at, or could, is absent. */
export interface Facts {
  /** By {@link placeKey}. */
  places: ReadonlyMap<string, PlaceFacts>
  /** Name servers of the domain: those that the hosted zone has, where that is pinned, and those that public DNS leads to. */
  nameServers?: { zone: readonly string[] | undefined; delegated: readonly string[] }
  /** Key id (`kid`) of the key that signs bundles. */
  signingKid?: string
  /** Regions where the global table is. */
  replicas?: readonly string[]
  /** By region. */
  regions: ReadonlyMap<string, RegionFacts>
}

/** `fault`: why nothing is known of the place. */
export type PlaceFacts = { fault: string } | { bootstrap: number | undefined; stacks: ReadonlyMap<string, string> }

export interface RegionFacts {
  /** Whether something was published for it: its pointer names a bundle and a directory, which were read back from its bucket before. */
  published?: boolean
  /** Whether its replica lets the publisher write. */
  takesPublisher?: boolean
  /** What kept us from looking. */
  fault?: string
}

export function placeKey({ account, region }: { account: string; region: string }): string {
  return `${account}/${region}`
}
