import type { Plane } from './plane.ts'

export interface LoopsOptions {
  log: (event: object) => void
  /** Between two looks at the regions that the stage of a rollout waits for, and otherwise. */
  busyMs?: number
  idleMs?: number
  /** Between two looks at what other processes have written, and at keys of regions that have not shown all of them. */
  catchUpMs?: number
  /** Between two looks at the regions' keys otherwise: they hardly ever change, and KMS charges for each. */
  keysMs?: number
}

/** Keeps the control plane at work until the returned function is called. Nothing here decides; every part may fail and is tried again. */
export function startLoops(
  plane: Plane,
  { log, busyMs = 200, idleMs = 1000, catchUpMs = 5000, keysMs = 60_000 }: LoopsOptions,
): () => Promise<void> {
  let allKeys = false
  // What is signed now would be of use to nobody.
  const unlessSuperseded = (work: () => Promise<void>) => async () => {
    if (!plane.couriers.superseded()) await work()
  }
  const busy = () => plane.kernel.state().rollout !== null
  const loops = [
    loop(
      async () => plane.kernel.catchUp(),
      () => catchUpMs,
    ),
    loop(
      async () => {
        allKeys = await plane.refreshKeys()
      },
      () => (allKeys ? keysMs : catchUpMs),
    ),
    loop(
      unlessSuperseded(async () => {
        await plane.engine.signDirectories()
        await plane.engine.renew()
      }),
      () => idleMs,
    ),
    loop(
      unlessSuperseded(async () => {
        plane.sample()
        await plane.engine.collectReplays()
        // A region that is told at once needs no wait for its own next look.
        if (await plane.engine.stepRollout()) void plane.couriers.tell()
      }),
      () => (busy() ? busyMs : idleMs),
    ),
    ...plane.couriers.status().map(({ region }, index, { length }) => visits(region, (index / length) * idleMs)),
  ]

  /**
   * Where nobody is waited for, a rollout is no reason to ask more often: what changes for a region at a stage, it is told at once. Regions then
   * have their turns one after the other, so that not all load a candidate at the same moment.
   */
  function visits(region: string, offsetMs: number) {
    const turn = () => Math.floor((performance.now() - offsetMs) / idleMs)
    let last: number | undefined
    return loop(
      async () => {
        if (busy() && !plane.awaits(region) && last === turn()) return
        last = turn()
        await plane.couriers.bring(region)
      },
      () => (busy() ? busyMs : idleMs),
    )
  }

  function loop(work: () => Promise<unknown>, pauseMs: () => number) {
    let timer: NodeJS.Timeout | undefined
    let stopped = false
    let working = Promise.resolve()
    const next = () => {
      working = work()
        .catch((error: unknown) => log({ event: 'failed', detail: String(error) }))
        .then(() => {
          if (!stopped) timer = setTimeout(next, pauseMs())
        })
    }
    next()
    return () => {
      stopped = true
      clearTimeout(timer)
      return working
    }
  }
  return async () => void (await Promise.all(loops.map((stop) => stop())))
}
