import type { BundleShelf, ShelvedBundle } from './opa/bundle-api.ts'
import type { Plane } from './plane.ts'
import { type Rollout, stageOf } from './rollout/rollout.ts'
import type { PlaneState } from './store/plane-state.ts'
import type { SignedRelease } from './store/signed-release.ts'

/**
 * What other OPAs are served: in ring `stable` what is served everywhere, in `canary` what is on its way there, from its canary on. Before that
 * nobody decides by it: it may be that a replay or its shadow keeps it back.
 */
export function opaShelf(
  { kernel, shelf }: Pick<Plane, 'kernel' | 'shelf'>,
  log: (event: object) => void,
): BundleShelf & { close(): void } {
  const shown = new Map<string, ShelvedBundle>()
  const listeners = new Set<() => void>()
  let filling = Promise.resolve()

  const fill = async (state: PlaneState) => {
    const { active, rollout } = state
    if (active === null) return
    const rings: [string, SignedRelease][] = [
      ['stable', active],
      ['canary', rollout !== null && isDecidedBy(rollout) ? rollout.release : active],
    ]
    for (const [ring, release] of rings) {
      for (const [zone, { rego }] of Object.entries(release.zones)) {
        const name = `${zone} ${ring}`
        if (shown.get(name)?.etag === rego) continue
        shown.set(name, { etag: rego, bytes: await shelf.get(rego), revision: release.revision })
        for (const listener of listeners) listener()
      }
    }
  }
  const refill = () => {
    filling = filling.then(() => fill(kernel.state())).catch((error: unknown) => log({ event: 'failed', detail: String(error) }))
  }
  refill()
  const unsubscribe = kernel.changed(refill)
  return {
    current: (zone, ring) => shown.get(`${zone} ${ring}`),
    changed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => void unsubscribe(),
  }
}

function isDecidedBy(rollout: Rollout): boolean {
  const kind = stageOf(rollout)?.kind
  return kind === 'canary' || kind === 'regions'
}
