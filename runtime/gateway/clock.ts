import type { Clock } from '../model/ports.ts'

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
