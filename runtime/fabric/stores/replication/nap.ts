/** A sleep that can be cut short: a loop that waits for its next task or for news, whichever is first. */
export interface Nap {
  /** @param ms infinity: until woken */
  sleep(ms: number): Promise<void>
  /** Ends the sleep, or the next one if nobody sleeps: no news is missed in between. */
  wake(): void
}

export function nap(): Nap {
  let awaken: (() => void) | undefined
  let woken = false
  return {
    sleep(ms) {
      return new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer)
          awaken = undefined
          woken = false
          resolve()
        }
        const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, ms)
        awaken = end
        if (woken) end()
      })
    },
    wake() {
      woken = true
      awaken?.()
    },
  }
}
