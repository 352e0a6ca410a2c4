import type { Tenant } from '../../model/zones.ts'
import type { Promotion, Release } from '../../state/promotions.ts'

/** Which region serves a region-bound tenant, as one region knows it. */
export interface Standing {
  region: string
  /** 0: the home region of the directory, nobody was ever promoted. */
  epoch: number
  /** Undefined with epoch 0, and while a release of this region is on its way to be a promotion. */
  promotion: Promotion | undefined
  /** This region's own release, until it stands as a promotion in the global table: nobody serves meanwhile. */
  release: Release | undefined
}

/** Whether `a` holds rather than `b`: the later epoch, and of two orders that nobody could put in order the one with the later clock. */
export function outranks(a: Promotion, b: Promotion): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  return a.atMs === b.atMs ? a.region > b.region : a.atMs > b.atMs
}

export const promotionKey = ({ tenant, epoch, region }: Promotion) => `${tenant}#${epoch}#${region}`

/** @returns undefined for a tenant without a home */
export function standingOf(
  { homeRegion }: Pick<Tenant, 'homeRegion'>,
  promotion: Promotion | undefined,
  release: Release | undefined,
): Standing | undefined {
  const epoch = promotion?.epoch ?? 0
  if (release !== undefined && release.epoch > epoch) return { region: release.to, epoch: release.epoch, promotion: undefined, release }
  const region = promotion?.region ?? homeRegion
  return region === null ? undefined : { region, epoch, promotion, release: undefined }
}
